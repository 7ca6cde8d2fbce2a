/** Docker's `HostConfig` with all its fields: what was asked for, and Docker's defaults for the rest. */
import { maskedPathsOf, readonlyPathsOf, shmSizeOf } from '../../engine/container-spec.ts';
import type { ContainerRecord, Isolation } from '../../engine/record.ts';
import { networkMode } from './network-settings.ts';
import { describeBindings } from './ports.ts';

/** The `--runtime` that asks for this isolation. */
function runtimeName(isolation: Isolation): string {
  switch (isolation.kind) {
    case 'container':
      return isolation.runtime;
    case 'vm':
      return isolation.boot === 'cold' ? 'vm-cold' : 'vm';
    case 'hybrid':
      return `vm:${isolation.vm}`;
  }
}

export function describeHostConfig(record: ContainerRecord): object {
  const { host } = record;
  const privileged = host.Privileged ?? false;
  return {
    Binds: null,
    ContainerIDFile: '',
    LogConfig: { Type: 'json-file', Config: {}, ...dropEmpty(host.LogConfig) },
    NetworkMode: networkMode(record),
    PortBindings: describeBindings(host),
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0, ...dropEmpty(host.RestartPolicy) },
    AutoRemove: host.AutoRemove ?? false,
    VolumeDriver: '',
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: host.CapAdd ?? null,
    CapDrop: host.CapDrop ?? null,
    CgroupnsMode: 'private',
    Dns: host.Dns ?? [],
    DnsOptions: host.DnsOptions ?? [],
    DnsSearch: host.DnsSearch ?? [],
    ExtraHosts: host.ExtraHosts ?? null,
    GroupAdd: host.GroupAdd ?? null,
    IpcMode: 'private',
    Cgroup: '',
    Links: describeLinks(record),
    OomScoreAdj: host.OomScoreAdj ?? 0,
    PidMode: '',
    Privileged: privileged,
    PublishAllPorts: host.PublishAllPorts ?? false,
    ReadonlyRootfs: host.ReadonlyRootfs ?? false,
    SecurityOpt: host.SecurityOpt ?? null,
    ...(host.Tmpfs && { Tmpfs: host.Tmpfs }),
    UTSMode: '',
    UsernsMode: '',
    ShmSize: shmSizeOf(host),
    ...(host.Sysctls && { Sysctls: host.Sysctls }),
    Runtime: host.Runtime === undefined || host.Runtime === '' ? runtimeName(record.isolation) : host.Runtime,
    Isolation: '',
    CpuShares: host.CpuShares ?? 0,
    Memory: host.Memory ?? 0,
    NanoCpus: host.NanoCpus ?? 0,
    CgroupParent: '',
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: host.CpuPeriod ?? 0,
    CpuQuota: host.CpuQuota ?? 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: host.CpusetCpus ?? '',
    CpusetMems: '',
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: host.MemorySwap ?? 0,
    MemorySwappiness: null,
    OomKillDisable: false,
    PidsLimit: host.PidsLimit ?? null,
    Ulimits: host.Ulimits ?? [],
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    MaskedPaths: orNull(maskedPathsOf(host)),
    ReadonlyPaths: orNull(readonlyPathsOf(host)),
    ...(host.Init !== undefined && host.Init !== null && { Init: host.Init }),
  };
}

function dropEmpty(value: object | undefined): object {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, field]) => field !== undefined && field !== null && field !== ''));
}

/** Docker writes "none at all" as null. */
function orNull(paths: readonly string[]): readonly string[] | null {
  return paths.length === 0 ? null : paths;
}

function describeLinks({ name, links = [] }: ContainerRecord): readonly string[] | null {
  return links.length === 0 ? null : links.map((link) => `/${link.name}:/${name}/${link.alias}`);
}
