/** Podman has no daemon: its service is started on a socket of our own and ended with whatever asked for it. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AbodeError } from '../base/errors.ts';
import { readFileIfThere } from '../base/files.ts';
import { spawnPiped } from '../base/process.ts';
import { DockerClient } from '../docker-client/client.ts';
import type { Ulimit } from '../engine/record.ts';

export interface PodmanService {
  readonly socket: string;
  /** The machine's ceilings where they are below Podman's own defaults, which it could not set. */
  readonly ulimits: readonly Ulimit[];
}

const START_MS = 15_000;
/** Podman's own defaults, which not every machine lets it set. */
const PODMAN_ULIMITS = [
  { name: 'nofile', row: 'Max open files', value: 1_048_576 },
  { name: 'nproc', row: 'Max processes', value: 4_194_304 },
];

/**
 * crun refuses machines on which cgroup2 is mounted beside v1; it is taken out of the service's own mount namespace, not of
 * the machine's.
 */
const SERVE =
  'if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; exec podman system service --time 0 "unix://$1"';

export async function startPodman(cleanUp: AsyncDisposableStack, signal: AbortSignal): Promise<PodmanService> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-podman-'));
  cleanUp.defer(() => rm(directory, { recursive: true, force: true }));
  const socket = join(directory, 'podman.sock');
  const child = spawnPiped('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', SERVE, 'sh', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  cleanUp.defer(() => endProcess(child));
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(-2000);
  });
  const gone = new Promise<never>((_, reject) => {
    const fail = (): void => {
      reject(
        new AbodeError('unavailable', `podman's service did not start: ${complaint.trim() || 'it said nothing'}`, {
          hint: 'install the package podman, or leave podman out of --with',
        }),
      );
    };
    child.once('error', fail);
    child.once('close', fail);
  });
  gone.catch(() => undefined);
  await Promise.race([gone, answers(new DockerClient(socket), AbortSignal.any([signal, AbortSignal.timeout(START_MS)]))]);
  // What unshare becomes is podman itself.
  return { socket, ulimits: await lowerUlimits(child.pid ?? 0) };
}

async function answers(client: DockerClient, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await client.ping(signal);
      return;
    } catch (error) {
      if (signal.aborted) throw new AbodeError('unavailable', "podman's service does not answer", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const impatience = setTimeout(() => child.kill('SIGKILL'), 5000);
  await closed;
  clearTimeout(impatience);
}

/** The service's ceilings (it lowers its own), for the limits where they are below Podman's defaults. */
async function lowerUlimits(pid: number): Promise<Ulimit[]> {
  const limits = (await readFileIfThere(`/proc/${String(pid)}/limits`)) ?? '';
  return PODMAN_ULIMITS.flatMap(({ name, row, value }) => {
    const hard = Number(new RegExp(`^${row}\\s+\\S+\\s+(\\d+)`, 'm').exec(limits)?.[1] ?? value);
    return hard < value ? [{ Name: name, Soft: hard, Hard: hard }] : [];
  });
}
