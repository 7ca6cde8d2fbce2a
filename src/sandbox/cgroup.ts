/** The host's cgroups, version 1 (also hybrid) and 2: where they are, the groups that Abode makes itself, and what they count. */
import { mkdir, readdir, readFile, rmdir, statfs, writeFile } from 'node:fs/promises';
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../base/errors.ts';
import { readFileIfThere } from '../base/files.ts';

const ROOT = '/sys/fs/cgroup';
const CGROUP2_MAGIC = 0x6367_7270; // linux/magic.h
const V1_CONTROLLERS = ['memory', 'cpu', 'pids'] as const;

export type CgroupVersion = '1' | '2';

let version: Promise<CgroupVersion> | undefined;

export function cgroupVersion(): Promise<CgroupVersion> {
  version ??= statfs(ROOT).then((info) => (info.type === CGROUP2_MAGIC ? '2' : '1'));
  return version;
}

/** The same at once. */
export function knownCgroupVersion(): CgroupVersion {
  return statfsSync(ROOT).type === CGROUP2_MAGIC ? '2' : '1';
}

/** The directories of group `name` (`abode/ID`), one for each controller on version 1. */
export async function cgroupDirectories(name: string): Promise<string[]> {
  return (await cgroupVersion()) === '2' ? [join(ROOT, name)] : V1_CONTROLLERS.map((controller) => join(ROOT, controller, name));
}

export interface CgroupLimits {
  readonly memory: number; // bytes, 0: none
  readonly microCpus: number; // 0: none
  readonly pids: number; // 0: none
}

/** Makes the group with its limits; gives the directories to join. */
export async function createCgroup(name: string, limits: CgroupLimits): Promise<string[]> {
  const directories = await cgroupDirectories(name);
  const v2 = (await cgroupVersion()) === '2';
  if (v2) await enableControllers(name);
  await Promise.all(directories.map((directory) => mkdir(directory, { recursive: true })));
  const period = 100_000;
  const quota = Math.round((limits.microCpus * period) / 1_000_000);
  const values: Array<[controller: (typeof V1_CONTROLLERS)[number], file: string, value: string]> = v2
    ? [
        ...(limits.memory > 0
          ? [['memory', 'memory.max', String(limits.memory)] as [(typeof V1_CONTROLLERS)[number], string, string]]
          : []),
        ...(quota > 0
          ? [['cpu', 'cpu.max', `${String(quota)} ${String(period)}`] as [(typeof V1_CONTROLLERS)[number], string, string]]
          : []),
        ...(limits.pids > 0 ? [['pids', 'pids.max', String(limits.pids)] as [(typeof V1_CONTROLLERS)[number], string, string]] : []),
      ]
    : [
        ...(limits.memory > 0
          ? [['memory', 'memory.limit_in_bytes', String(limits.memory)] as [(typeof V1_CONTROLLERS)[number], string, string]]
          : []),
        ...(quota > 0 ? [['cpu', 'cpu.cfs_quota_us', String(quota)] as [(typeof V1_CONTROLLERS)[number], string, string]] : []),
        ...(limits.pids > 0 ? [['pids', 'pids.max', String(limits.pids)] as [(typeof V1_CONTROLLERS)[number], string, string]] : []),
      ];
  await Promise.all(values.map(([controller, file, value]) => writeFile(join(v2 ? ROOT : join(ROOT, controller), name, file), value)));
  return directories;
}

/** Controllers are handed down from the root to the parent of the group (cgroup-v2.rst, "Enabling and Disabling"). */
async function enableControllers(name: string): Promise<void> {
  const parent = join(ROOT, name.split('/')[0] ?? '');
  await mkdir(parent, { recursive: true });
  for (const directory of [ROOT, parent]) {
    await writeFile(join(directory, 'cgroup.subtree_control'), '+memory +cpu +pids').catch((error: unknown) => {
      if (!hasErrno(error, 'EBUSY', 'ENOENT')) throw error;
    });
  }
}

/** Kills all that run in the group and in those below it; what is frozen is thawed to die. */
export async function killCgroup(name: string): Promise<void> {
  await freezeCgroup(name, false).catch(() => undefined);
  for (const directory of await allDirectories(name)) {
    for (const group of await withGroupsBelow(directory)) {
      const processes = (await readFileIfThere(join(group, 'cgroup.procs'))) ?? '';
      for (const line of processes.split('\n').filter((text) => text !== '')) {
        try {
          process.kill(Number(line), 'SIGKILL');
        } catch (error) {
          if (!hasErrno(error, 'ESRCH')) throw error;
        }
      }
    }
  }
}

/** The group's directory and those of the groups in it, the innermost first. */
async function withGroupsBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => withGroupsBelow(join(directory, entry.name))),
  );
  return [...below.flat(), directory];
}

/** Removes the group; one that is gone is fine, one that still has processes is tried again until the deadline. */
export async function removeCgroup(name: string, deadlineMs = 2000): Promise<void> {
  const end = Date.now() + deadlineMs;
  const directories = (await Promise.all((await allDirectories(name)).map((directory) => withGroupsBelow(directory)))).flat();
  for (const directory of directories) {
    for (;;) {
      try {
        await rmdir(directory);
        break;
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) break;
        if (!hasErrno(error, 'EBUSY') || Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }
}

/** Every hierarchy in which a runtime may have made the group. */
async function allDirectories(name: string): Promise<string[]> {
  if ((await cgroupVersion()) === '2') return [join(ROOT, name)];
  const own = await readFile('/proc/self/cgroup', 'utf8');
  const controllers = own
    .split('\n')
    .map((line) => line.split(':')[1] ?? '')
    .filter((controller) => controller !== '')
    .map((controller) => controller.replace(/^name=/, ''));
  return controllers.map((controller) => join(ROOT, controller, name));
}

/** Bytes charged to the group without page cache that the kernel can drop at no cost; undefined when the group is not there. */
export async function cgroupMemory(name: string): Promise<number | undefined> {
  const v2 = (await cgroupVersion()) === '2';
  const directory = v2 ? join(ROOT, name) : join(ROOT, 'memory', name);
  const [usage, stat] = await Promise.all([
    readFileIfThere(join(directory, v2 ? 'memory.current' : 'memory.usage_in_bytes')),
    readFileIfThere(join(directory, 'memory.stat')),
  ]);
  if (usage === undefined || stat === undefined) return undefined;
  const inactive = new RegExp(`^${v2 ? 'inactive_file' : 'total_inactive_file'} (\\d+)$`, 'm').exec(stat)?.[1] ?? '0';
  return Math.max(0, Number(usage) - Number(inactive));
}

export async function freezeCgroup(name: string, frozen: boolean): Promise<void> {
  if ((await cgroupVersion()) === '2') await writeFile(join(ROOT, name, 'cgroup.freeze'), frozen ? '1' : '0');
  else await writeFile(join(ROOT, 'freezer', name, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED');
}
