/** From Docker's limits to the sandbox's, for those that few ask for. */
import type { BlockRate, Resources } from '../../sandbox/resources.ts';
import type { HostConfig } from '../record.ts';
import type { DeviceRate, ResourceConfig } from '../resource-config.ts';

const FIELDS: ReadonlyArray<keyof ResourceConfig | 'CpuPeriod' | 'CpuQuota'> = [
  'MemoryReservation',
  'MemorySwappiness',
  'OomKillDisable',
  'KernelMemoryTCP',
  'CpusetMems',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'BlkioWeight',
  'BlkioWeightDevice',
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
  'Devices',
  'DeviceCgroupRules',
  'CpuPeriod',
  'CpuQuota',
];

/** Undefined where none of them was asked for: the usual case costs nothing. */
export function resourcesOf(host: HostConfig): Resources | undefined {
  if (!FIELDS.some((field) => isSet(host[field]))) return undefined;
  const swappiness = host.MemorySwappiness ?? -1;
  return {
    memoryReservation: Math.max(0, host.MemoryReservation ?? 0),
    memorySwappiness: swappiness < 0 ? undefined : swappiness,
    oomKillDisable: host.OomKillDisable ?? false,
    kernelMemoryTcp: Math.max(0, host.KernelMemoryTCP ?? 0),
    cpuPeriod: host.CpuPeriod ?? 0,
    cpuQuota: host.CpuQuota ?? 0,
    realtimePeriod: host.CpuRealtimePeriod ?? 0,
    realtimeRuntime: host.CpuRealtimeRuntime ?? 0,
    memoryNodes: host.CpusetMems ?? '',
    block: {
      weight: host.BlkioWeight ?? 0,
      weights: (host.BlkioWeightDevice ?? []).map(({ Path, Weight }) => ({ path: Path, rate: Weight })),
      readBps: rates(host.BlkioDeviceReadBps),
      writeBps: rates(host.BlkioDeviceWriteBps),
      readIops: rates(host.BlkioDeviceReadIOps),
      writeIops: rates(host.BlkioDeviceWriteIOps),
    },
    devices: (host.Devices ?? []).map(({ PathOnHost, PathInContainer, CgroupPermissions }) => ({
      host: PathOnHost ?? '',
      container: PathInContainer || (PathOnHost ?? ''),
      access: CgroupPermissions || 'rwm',
    })),
    deviceRules: host.DeviceCgroupRules ?? [],
  };
}

function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== null && value !== 0 && value !== -1 && value !== '' && value !== false;
}

function rates(given: readonly DeviceRate[] | null | undefined): BlockRate[] {
  return (given ?? []).map(({ Path, Rate }) => ({ path: Path, rate: Rate }));
}
