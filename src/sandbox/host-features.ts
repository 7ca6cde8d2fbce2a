/** What the host's kernel can limit, found by the files that its control groups have. */
import { readFile } from 'node:fs/promises';
import { exists } from '../base/files.ts';
import { cgroupVersion } from './cgroup.ts';

export interface LimitFeatures {
  readonly swap: boolean;
  readonly swappiness: boolean;
  readonly oomKillDisable: boolean;
  readonly kernelMemoryTcp: boolean;
  readonly realtime: boolean;
  readonly blockWeight: boolean;
  readonly blockWeightDevice: boolean;
  readonly blockThrottle: boolean;
  /** As the kernel lists them: `0-3`. Undefined where nobody can tell before the start. */
  readonly cpus: string | undefined;
  readonly memoryNodes: string | undefined;
}

/**
 * A VM's guest: version 2, no swap, no block device that the host knows by the same name, and weights that its kernel takes for nothing
 * (iocost is off). Its processors are known when it runs.
 */
export const GUEST_FEATURES: LimitFeatures = {
  swap: false,
  swappiness: false,
  oomKillDisable: false,
  kernelMemoryTcp: false,
  realtime: false,
  blockWeight: false,
  blockWeightDevice: false,
  blockThrottle: false,
  cpus: undefined,
  memoryNodes: '0',
};

/** What is limited outside a VM, at QEMU, and what inside. */
export function vmFeatures(host: LimitFeatures): LimitFeatures {
  const { swappiness, blockWeight, blockWeightDevice, blockThrottle, cpus, memoryNodes } = host;
  return { ...GUEST_FEATURES, swappiness, blockWeight, blockWeightDevice, blockThrottle, cpus, memoryNodes };
}

let known: Promise<LimitFeatures> | undefined;

/** Looked at once: they do not change while a kernel runs. */
export function hostFeatures(): Promise<LimitFeatures> {
  known ??= cgroupVersion().then((version) => (version === '2' ? readVersion2() : readVersion1()));
  return known;
}

const V1 = '/sys/fs/cgroup';

async function readVersion1(): Promise<LimitFeatures> {
  const has = (path: string): Promise<boolean> => exists(`${V1}/${path}`);
  const [swap, swappiness, oomKillDisable, kernelMemoryTcp, realtime, blockWeight, blockWeightDevice, throttle] = await Promise.all([
    has('memory/memory.memsw.limit_in_bytes'),
    has('memory/memory.swappiness'),
    has('memory/memory.oom_control'),
    has('memory/memory.kmem.tcp.limit_in_bytes'),
    has('cpu/cpu.rt_runtime_us'),
    has('blkio/blkio.weight'),
    has('blkio/blkio.weight_device'),
    has('blkio/blkio.throttle.read_bps_device'),
  ]);
  const [cpus, memoryNodes] = await Promise.all([list(`${V1}/cpuset/cpuset.cpus`), list(`${V1}/cpuset/cpuset.mems`)]);
  return {
    ...{ swap, swappiness, oomKillDisable, kernelMemoryTcp, realtime },
    ...{ blockWeight, blockWeightDevice, blockThrottle: throttle, cpus, memoryNodes },
  };
}

async function readVersion2(): Promise<LimitFeatures> {
  const controllers = ((await list(`${V1}/cgroup.controllers`)) ?? '').split(' ');
  const io = controllers.includes('io');
  return {
    ...{ swap: true, swappiness: false, oomKillDisable: false, kernelMemoryTcp: false, realtime: false },
    ...{ blockWeight: io, blockWeightDevice: io, blockThrottle: io },
    cpus: await list(`${V1}/cpuset.cpus.effective`),
    memoryNodes: await list(`${V1}/cpuset.mems.effective`),
  };
}

async function list(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}
