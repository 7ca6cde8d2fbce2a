/** A container's specification for tests, as plain as can be. */
import type { ContainerSpec, ProcessSpec } from './sandbox.ts';

export function processSpec(more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    proc: 1,
    args: ['echo', 'hi'],
    env: ['PATH=/bin'],
    cwd: '',
    user: '',
    groupAdd: [],
    tty: false,
    openStdin: false,
    stdinOnce: false,
    rows: 0,
    columns: 0,
    log: undefined,
    exitPath: '/run/exit.json',
    privileged: false,
    ...more,
  };
}

export function containerSpec(more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    id: 'a'.repeat(64),
    init: processSpec(),
    runDir: '/run/c',
    rootDir: '/root/c',
    hostname: 'host',
    domainname: '',
    layers: [],
    disk: () => Promise.resolve({ path: '/disk' }),
    files: [],
    network: undefined,
    limits: { memory: 0, memorySwap: 0, microCpus: 0, cpuShares: 0, cpuset: '', pids: 0 },
    rlimits: [],
    security: {
      privileged: false,
      capabilities: ['CAP_CHOWN', 'CAP_KILL'],
      noNewPrivileges: false,
      seccomp: 'default',
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
      readonlyRoot: false,
    },
    sysctls: {},
    tmpfs: {},
    mounts: [],
    shmSize: 64 << 20,
    runInit: false,
    oomScoreAdj: 0,
    ...more,
  };
}
