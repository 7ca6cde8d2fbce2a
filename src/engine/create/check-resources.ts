/**
 * What Docker refuses about limits, and what it leaves out with a warning where the kernel cannot do it: in its order and its words
 * (daemon_unix.go, verifyPlatformContainerResources).
 */
import { invalid } from '../../base/errors.ts';
import type { LimitFeatures } from '../../sandbox/host-features.ts';
import type { HostConfig } from '../record.ts';
import { parseCpuList } from './cpu-list.ts';

const MIN_MEMORY = 6 << 20;
const NO_KERNEL = 'Your kernel does not support';
const NO_GROUP = 'or the cgroup is not mounted';

/** The configuration as it will be carried out, and what was left out of it. */
export interface Settled {
  readonly host: HostConfig;
  readonly warnings: string[];
}

/** One part of the configuration: what is wrong is thrown, what cannot be done is taken away and told. */
type Check = (host: HostConfig, features: LimitFeatures, warn: (text: string) => void) => Partial<Record<keyof HostConfig, undefined>>;

const CHECKS: readonly Check[] = [
  checkSwap,
  checkSwappiness,
  checkReservation,
  checkKernelMemory,
  checkOom,
  checkRealtime,
  checkSets,
  checkBlock,
];

export function settleResources(host: HostConfig, features: LimitFeatures): Settled {
  const warnings: string[] = [];
  let settled = host;
  for (const check of CHECKS)
    settled = without(
      settled,
      check(settled, features, (text) => warnings.push(text)),
    );
  return { host: settled, warnings };
}

function without(host: HostConfig, removed: Partial<Record<keyof HostConfig, undefined>>): HostConfig {
  return Object.fromEntries(Object.entries(host).filter(([field]) => !(field in removed)));
}

function checkSwap({ Memory = 0, MemorySwap = 0 }: HostConfig, features: LimitFeatures, warn: (text: string) => void): object {
  const wanted = Memory > 0 && (MemorySwap > Memory || MemorySwap === -1);
  if (features.swap || !wanted) return {};
  warn(`${NO_KERNEL} swap limit capabilities ${NO_GROUP}. Memory limited without swap.`);
  return { MemorySwap: undefined };
}

function checkSwappiness({ MemorySwappiness }: HostConfig, features: LimitFeatures, warn: (text: string) => void): object {
  const value = MemorySwappiness ?? -1;
  if (value < -1 || value > 100) throw invalid(`Invalid value: ${String(value)}, valid memory swappiness range is 0-100`);
  if (value === -1 || features.swappiness) return {};
  warn(`${NO_KERNEL} memory swappiness capabilities ${NO_GROUP}. Memory swappiness discarded.`);
  return { MemorySwappiness: undefined };
}

function checkReservation({ Memory = 0, MemoryReservation = 0 }: HostConfig): object {
  if (MemoryReservation > 0 && MemoryReservation < MIN_MEMORY) throw invalid('Minimum memory reservation allowed is 6MB');
  if (Memory > 0 && MemoryReservation > 0 && Memory < MemoryReservation)
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  return {};
}

/** Kernels count it with the rest: Docker has given the limit up too. */
function checkKernelMemory(
  { KernelMemory = 0, KernelMemoryTCP = 0 }: HostConfig,
  features: LimitFeatures,
  warn: (text: string) => void,
): object {
  if (KernelMemory > 0 && KernelMemory < MIN_MEMORY) throw invalid('Minimum kernel memory limit allowed is 6MB');
  if (KernelMemory > 0) warn('Specifying a kernel memory limit is deprecated and no longer supported. Limitation discarded.');
  const noTcp = KernelMemoryTCP > 0 && !features.kernelMemoryTcp;
  if (noTcp) warn(`${NO_KERNEL} kernel memory TCP limit capabilities ${NO_GROUP}. Limitation discarded.`);
  return { ...(KernelMemory === 0 ? {} : { KernelMemory: undefined }), ...(noTcp ? { KernelMemoryTCP: undefined } : {}) };
}

function checkOom({ OomKillDisable, Memory = 0 }: HostConfig, features: LimitFeatures, warn: (text: string) => void): object {
  if (OomKillDisable !== true) return {};
  if (!features.oomKillDisable) {
    warn(`${NO_KERNEL} OomKillDisable. OomKillDisable discarded.`);
    return { OomKillDisable: undefined };
  }
  if (Memory === 0)
    warn('OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.');
  return {};
}

function checkRealtime({ CpuRealtimePeriod: period = 0, CpuRealtimeRuntime: runtime = 0 }: HostConfig, features: LimitFeatures): object {
  if ((period !== 0 || runtime !== 0) && !features.realtime) throw invalid(`${NO_KERNEL} CPU real-time scheduler`);
  if (period !== 0 && runtime !== 0 && runtime > period) throw invalid('cpu real-time runtime cannot be higher than cpu real-time period');
  return {};
}

function checkSets({ CpusetCpus = '', CpusetMems = '' }: HostConfig, { cpus, memoryNodes }: LimitFeatures): object {
  checkSet(CpusetCpus, cpus, 'cpuset cpus', 'CPUs');
  checkSet(CpusetMems, memoryNodes, 'cpuset mems', 'memory nodes');
  return {};
}

function checkSet(wanted: string, available: string | undefined, field: string, what: string): void {
  const numbers = parseCpuList(wanted);
  if (typeof numbers === 'string') throw invalid(`Invalid value ${wanted} for ${field}: ${numbers}`);
  const known = available === undefined ? undefined : parseCpuList(available);
  if (known === undefined || typeof known === 'string' || [...numbers].every((number) => known.has(number))) return;
  throw invalid(`Requested ${what} are not available - requested ${wanted}, available: ${String(available)}`);
}

const THROTTLES = [
  ['BlkioDeviceReadBps', 'BPS Block I/O read limit', 'Block I/O BPS read limit'],
  ['BlkioDeviceWriteBps', 'BPS Block I/O write limit', 'Block I/O BPS write limit'],
  ['BlkioDeviceReadIOps', 'IOPS Block read limit', 'Block I/O IOPS read limit'],
  ['BlkioDeviceWriteIOps', 'IOPS Block write limit', 'Block I/O IOPS write limit'],
] as const;

function checkBlock(host: HostConfig, features: LimitFeatures, warn: (text: string) => void): object {
  const removed: Partial<Record<keyof HostConfig, undefined>> = {};
  const weight = host.BlkioWeight ?? 0;
  if (weight > 0 && !features.blockWeight) {
    warn(`${NO_KERNEL} Block I/O weight ${NO_GROUP}. Weight discarded.`);
    removed.BlkioWeight = undefined;
  } else if (weight > 0 && (weight < 10 || weight > 1000)) {
    throw invalid('Range of blkio weight is from 10 to 1000');
  }
  if ((host.BlkioWeightDevice ?? []).length > 0 && !features.blockWeightDevice) {
    warn(`${NO_KERNEL} Block I/O weight_device ${NO_GROUP}. Weight-device discarded.`);
    removed.BlkioWeightDevice = undefined;
  }
  for (const [field, what, discarded] of THROTTLES) {
    if ((host[field] ?? []).length === 0 || features.blockThrottle) continue;
    warn(`${NO_KERNEL} ${what} ${NO_GROUP}. ${discarded} discarded.`);
    removed[field] = undefined;
  }
  return removed;
}
