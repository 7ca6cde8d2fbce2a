/** /dev/shm of a container that others may join: mounted in the daemon's own namespace, where a later runtime finds it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../base/files.ts';
import { run } from '../../base/process.ts';
import type { ContainerSpec } from '../sandbox.ts';

const DIRECTORY = 'shm';

export async function mountShm(runDir: string, bytes: number): Promise<void> {
  const target = join(runDir, DIRECTORY);
  await mkdir(runDir, { recursive: true, mode: 0o711 });
  await mkdir(target, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `nosuid,noexec,nodev,mode=1777,size=${String(bytes)}`, 'shm', target]);
}

/** Those who joined keep what is in it. */
export async function unmountShm(runDir: string): Promise<void> {
  const target = join(runDir, DIRECTORY);
  if (await exists(target)) await run('umount', ['--lazy', '--quiet', target]).catch(() => undefined);
}

/** Undefined: one of its own, which the runtime makes. */
export function shmSource({ sharing, runDir }: ContainerSpec): string | undefined {
  switch (sharing?.shm?.kind) {
    case 'shareable':
      return join(runDir, DIRECTORY);
    case 'join':
      return join(sharing.shm.runDir, DIRECTORY);
    case 'host':
      return '/dev/shm';
    default:
      return undefined;
  }
}
