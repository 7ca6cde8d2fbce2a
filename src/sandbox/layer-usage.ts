/** Bytes in a container's writable layer, wherever that is, without starting or holding up anything. */
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerSpec, Sandbox } from './sandbox.ts';
import { GUEST_DATA } from './vm/guest-paths.ts';
import type { SharedVms } from './vm/shared-vms.ts';

/** What stat(2) counts in, whatever the filesystem's blocks are. */
const BLOCK = 512;

/** Of a container that runs, by the agent beside it: links that it makes meanwhile lead nowhere. */
export async function runningUsage(sandbox: Sandbox): Promise<number> {
  await using files = await sandbox.files();
  const helper = await files.start([...files.layer().root, 'usage']);
  return Number(await helper.text());
}

/** Of one on the host that does not run, where nobody changes anything: each inode once. */
export async function restingUsage({ rootDir }: Pick<ContainerSpec, 'rootDir'>): Promise<number> {
  const seen = new Set<number>();
  const walk = async (directory: string): Promise<number> => {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
    let sum = 0;
    for (const entry of entries) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        sum += await walk(path);
        continue;
      }
      const { size, nlink, ino } = await lstat(path);
      if (nlink > 1 && seen.has(ino)) continue;
      seen.add(ino);
      sum += size;
    }
    return sum;
  };
  return walk(join(rootDir, 'upper'));
}

/**
 * Of a VM that does not run: what its disk takes of the host's beyond an empty one. That is what removing it gives back; what a guest says
 * of its own disk would have to be believed.
 */
export async function diskUsage({ rootDir }: Pick<ContainerSpec, 'rootDir'>, emptyDisks: readonly string[]): Promise<number> {
  const [own = 0, ...empty] = await Promise.all([join(rootDir, 'data.img'), ...emptyDisks].map(allocated));
  return Math.max(0, own - Math.max(0, ...empty));
}

/** Undefined while the VM does not run. */
export async function sharedUsage(vms: SharedVms, name: string, id: string): Promise<number | undefined> {
  const vm = vms.running(name);
  if (vm === undefined) return undefined;
  const helper = await vm.machine.shim.helper(['files', `${GUEST_DATA}/${id}/upper`, 'usage']);
  return Number(await helper.text());
}

async function allocated(path: string): Promise<number> {
  return stat(path).then(
    ({ blocks }) => blocks * BLOCK,
    () => 0,
  );
}
