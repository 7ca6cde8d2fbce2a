/** Limits of a container that runs, changed while it does: only what is given is touched. */
import { AgentError } from '../agent-client/connection.ts';
import { AbodeError, hasErrno, invalid, messageOf } from '../base/errors.ts';
import type { Kernel } from './kernel.ts';

export interface LimitChanges {
  readonly memory?: number; // bytes
  readonly memorySwap?: number; // memory and swap, bytes, -1: none
  readonly memoryReservation?: number; // bytes
  readonly microCpus?: number; // 1 CPU = 1,000,000
  readonly cpuPeriod?: number; // µs, for microCpus; default 100,000
  readonly cpuShares?: number;
  readonly cpuset?: string;
  readonly memoryNodes?: string;
  readonly pids?: number; // 0: none
  readonly blockWeight?: number;
}

export interface Write {
  readonly controller: string;
  readonly file: string;
  readonly value: string;
}

const PERIOD = 100_000;

/** In the order in which the kernel takes them. `swapBefore` is the limit of memory and swap that holds now. */
export function limitWrites(version: '1' | '2', changes: LimitChanges, swapBefore: number): Write[] {
  return version === '2' ? version2(changes) : version1(changes, swapBefore);
}

function version1(changes: LimitChanges, swapBefore: number): Write[] {
  const {
    memory,
    memorySwap,
    memoryReservation,
    microCpus,
    cpuPeriod = PERIOD,
    cpuShares,
    cpuset,
    memoryNodes,
    pids,
    blockWeight,
  } = changes;
  const limit = write('memory', 'memory.limit_in_bytes', memory);
  const both = write('memory', 'memory.memsw.limit_in_bytes', memorySwap);
  return [
    // Memory alone is never more than with swap: whichever grows goes first.
    ...(memorySwap !== undefined && (memorySwap < 0 || memorySwap > swapBefore) ? [...both, ...limit] : [...limit, ...both]),
    ...write('memory', 'memory.soft_limit_in_bytes', memoryReservation),
    ...(microCpus === undefined
      ? []
      : [
          ...write('cpu', 'cpu.cfs_period_us', cpuPeriod),
          ...write('cpu', 'cpu.cfs_quota_us', microCpus === 0 ? -1 : Math.round((microCpus * cpuPeriod) / 1_000_000)),
        ]),
    ...write('cpu', 'cpu.shares', cpuShares),
    ...write('cpuset', 'cpuset.cpus', cpuset),
    ...write('cpuset', 'cpuset.mems', memoryNodes),
    ...write('pids', 'pids.max', pids === undefined ? undefined : pids === 0 ? 'max' : pids),
    ...write('blkio', 'blkio.weight', blockWeight),
  ];
}

function version2(changes: LimitChanges): Write[] {
  const {
    memory,
    memorySwap,
    memoryReservation,
    microCpus,
    cpuPeriod = PERIOD,
    cpuShares,
    cpuset,
    memoryNodes,
    pids,
    blockWeight,
  } = changes;
  const swap = memorySwap === undefined || memory === undefined ? undefined : memorySwap < 0 ? 'max' : Math.max(0, memorySwap - memory);
  const quota = microCpus === 0 ? 'max' : Math.round(((microCpus ?? 0) * cpuPeriod) / 1_000_000);
  return [
    ...write('', 'memory.max', memory),
    ...write('', 'memory.swap.max', swap),
    ...write('', 'memory.low', memoryReservation),
    ...write('', 'cpu.max', microCpus === undefined ? undefined : `${String(quota)} ${String(cpuPeriod)}`),
    // As OCI runtimes turn shares (2 to 262144) into weights (1 to 10000).
    ...write('', 'cpu.weight', cpuShares === undefined ? undefined : 1 + Math.floor(((Math.max(2, cpuShares) - 2) * 9999) / 262_142)),
    ...write('', 'cpuset.cpus', cpuset),
    ...write('', 'cpuset.mems', memoryNodes),
    ...write('', 'pids.max', pids === undefined ? undefined : pids === 0 ? 'max' : pids),
    ...write('', 'io.weight', blockWeight),
  ];
}

function write(controller: string, file: string, value: string | number | undefined): Write[] {
  return value === undefined ? [] : [{ controller, file, value: String(value) }];
}

/** ENOENT, and what cgroupfs says to who would make a file: EPERM, EACCES. */
const MISSING: readonly number[] = [1, 2, 13];

/** Where a machine has no swap, what is said of it means nothing. */
const DISPENSABLE: readonly string[] = ['memory.memsw.limit_in_bytes', 'memory.swap.max'];

export async function applyLimits(kernel: Kernel, changes: LimitChanges): Promise<void> {
  const before = `${kernel.cgroup('memory')}/memory.memsw.limit_in_bytes`;
  const swapBefore = kernel.cgroupVersion === '1' ? Number((await kernel.read([before])).get(before) ?? 0) : 0;
  for (const { controller, file, value } of limitWrites(kernel.cgroupVersion, changes, swapBefore)) {
    const path = `${kernel.cgroup(controller)}/${file}`;
    if (DISPENSABLE.includes(file) && !(await kernel.read([path])).has(path)) continue;
    await kernel.write(path, value).catch((error: unknown) => {
      if (hasErrno(error, 'ENOENT', 'EACCES') || (error instanceof AgentError && MISSING.includes(error.errno))) throw unavailable(file);
      throw new AbodeError('invalid', `the kernel does not take ${value} for ${file}: ${messageOf(error)}`, { cause: error });
    });
  }
}

function unavailable(file: string): AbodeError {
  return invalid(`${file} cannot be set: this kernel's cgroups do not have it`);
}
