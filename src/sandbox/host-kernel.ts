/** The host's own kernel, for the containers that run on it. */
import { writeFile } from 'node:fs/promises';
import { knownCgroupVersion } from './cgroup.ts';
import { type Kernel, readHostFiles } from './kernel.ts';

const ROOT = '/sys/fs/cgroup';

export function hostKernel(group: string): Kernel {
  const cgroupVersion = knownCgroupVersion();
  return {
    place: 'host',
    cgroupVersion,
    cgroup: (controller) => (cgroupVersion === '2' ? `${ROOT}/${group}` : `${ROOT}/${controller}/${group}`),
    read: readHostFiles,
    write: (path, content) => writeFile(path, content, { flag: 'r+' }),
  };
}
