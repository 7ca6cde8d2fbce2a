import { release } from 'node:os';
import koffi from 'koffi';
import { readFileIfThere } from '../base/files.ts';
import { type Finding, missing, ok, warn } from './finding.ts';

// asm/unistd_64.h, linux/landlock.h
const SYS_LANDLOCK_CREATE_RULESET = 444;
const LANDLOCK_CREATE_RULESET_VERSION = 1;

export async function checkKernel(): Promise<readonly Finding[]> {
  return [
    ok('kernel', release()),
    judgeLandlock(landlockVersion()),
    judgeSeccomp(await readFileIfThere('/proc/sys/kernel/seccomp/actions_avail')),
  ];
}

/** The kernel's Landlock interface version; negative when there is none. */
function landlockVersion(): number {
  const syscall = koffi.load('libc.so.6').func('long syscall(long number, ...)');
  return Number(syscall(SYS_LANDLOCK_CREATE_RULESET, 'void *', null, 'size_t', 0, 'uint32_t', LANDLOCK_CREATE_RULESET_VERSION));
}

export function judgeLandlock(version: number): Finding {
  if (version > 0) return ok('landlock', `version ${String(version)}; QEMU is confined to its files`);
  return warn(
    'landlock',
    'not in this kernel, or switched off',
    'one of the fences around QEMU; its user, seccomp sandbox and cgroup remain',
    'boot with the kernel parameter lsm=landlock,… (Linux 5.13 or newer)',
  );
}

export function judgeSeccomp(actions: string | undefined): Finding {
  if (actions?.includes('errno') === true) return ok('seccomp', 'filters work');
  return missing(
    'seccomp',
    'this kernel has no seccomp filters',
    "the default profile of containers, and QEMU's sandbox",
    'use a kernel with CONFIG_SECCOMP_FILTER',
  );
}
