import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { readFileIfThere } from '../base/files.ts';
import { cgroupVersion } from '../sandbox/cgroup.ts';
import { type Finding, missing, ok, warn } from './finding.ts';

const ROOT = '/sys/fs/cgroup';
const CONTROLLERS = ['memory', 'cpu', 'pids'] as const;

export type Layout = 'v2' | 'v1' | 'hybrid';

export async function checkCgroups(): Promise<readonly Finding[]> {
  const version = await cgroupVersion();
  const layout = cgroupLayout(version, await readFile('/proc/self/mounts', 'utf8'));
  const detail = {
    v2: 'version 2',
    v1: 'version 1',
    hybrid: 'hybrid: controllers on version 1 are used; the version 2 tree beside them is hidden from crun',
  }[layout];
  const lacking = await lackingControllers(layout);
  const refused = lacking.length > 0 ? undefined : await refusal(layout);
  if (lacking.length > 0) {
    return [
      warn(
        'cgroups',
        `${detail}; without ${lacking.join(', ')}`,
        `limits and statistics of ${lacking.join(', ')}`,
        'boot with the kernel parameter cgroup_enable=memory, or mount the controllers',
      ),
    ];
  }
  if (refused !== undefined) {
    return [
      missing(
        'cgroups',
        `${detail}; a group cannot be made: ${refused}`,
        'containers and VMs',
        'make /sys/fs/cgroup writable (in a container: --privileged)',
      ),
    ];
  }
  return [ok('cgroups', `${detail}; ${CONTROLLERS.join(', ')} work`)];
}

/** `mounts` is the text of /proc/self/mounts. */
export function cgroupLayout(version: '1' | '2', mounts: string): Layout {
  if (version === '2') return 'v2';
  return /^\S+ \/sys\/fs\/cgroup\/\S+ cgroup2 /m.test(mounts) ? 'hybrid' : 'v1';
}

async function lackingControllers(layout: Layout): Promise<string[]> {
  if (layout === 'v2') {
    const present = (await readFileIfThere(join(ROOT, 'cgroup.controllers')))?.trim().split(' ');
    return CONTROLLERS.filter((controller) => present?.includes(controller) !== true);
  }
  const found = await Promise.all(CONTROLLERS.map((controller) => readFileIfThere(join(ROOT, controller, 'cgroup.procs'))));
  return CONTROLLERS.filter((_, index) => found[index] === undefined);
}

/** Makes a group in each tree and removes it again. */
async function refusal(layout: Layout): Promise<string | undefined> {
  const trees = layout === 'v2' ? [ROOT] : CONTROLLERS.map((controller) => join(ROOT, controller));
  for (const tree of trees) {
    const group = join(tree, `abode-doctor-${String(process.pid)}`);
    try {
      await mkdir(group);
      await rmdir(group);
    } catch (error) {
      return messageOf(error);
    }
  }
  return undefined;
}
