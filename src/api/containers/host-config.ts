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
    Binds: host.Binds ?? null,
    ContainerIDFile: host.ContainerIDFile ?? '',
    LogConfig: { Type: 'json-file', Config: {}, ...dropEmpty(host.LogConfig) },
    NetworkMode: networkMode(record),
    PortBindings: describeBindings(host),
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0, ...dropEmpty(host.RestartPolicy) },
    AutoRemove: host.AutoRemove ?? false,
    VolumeDriver: host.VolumeDriver ?? '',
    VolumesFrom: host.VolumesFrom ?? null,
    ConsoleSize: host.ConsoleSize ?? [0, 0],
    CapAdd: host.CapAdd ?? null,
    CapDrop: host.CapDrop ?? null,
    CgroupnsMode: host.CgroupnsMode ?? 'private',
    Dns: host.Dns ?? [],
    DnsOptions: host.DnsOptions ?? [],
    DnsSearch: host.DnsSearch ?? [],
    ExtraHosts: host.ExtraHosts ?? null,
    GroupAdd: host.GroupAdd ?? null,
    IpcMode: host.IpcMode ?? 'private',
    Cgroup: '',
    Links: describeLinks(record),
    OomScoreAdj: host.OomScoreAdj ?? 0,
    PidMode: host.PidMode ?? '',
    Privileged: privileged,
    PublishAllPorts: host.PublishAllPorts ?? false,
    ReadonlyRootfs: host.ReadonlyRootfs ?? false,
    SecurityOpt: host.SecurityOpt ?? null,
    ...(host.Mounts && host.Mounts.length > 0 && { Mounts: host.Mounts }),
    ...(host.Tmpfs && { Tmpfs: host.Tmpfs }),
    ...(host.StorageOpt && { StorageOpt: host.StorageOpt }),
    ...(host.Annotations && { Annotations: host.Annotations }),
    UTSMode: host.UTSMode ?? '',
    UsernsMode: host.UsernsMode ?? '',
    ShmSize: shmSizeOf(host),
    ...(host.Sysctls && { Sysctls: host.Sysctls }),
    Runtime: host.Runtime === undefined || host.Runtime === '' ? runtimeName(record.isolation) : host.Runtime,
    Isolation: host.Isolation ?? '',
    CpuShares: host.CpuShares ?? 0,
    Memory: host.Memory ?? 0,
    NanoCpus: host.NanoCpus ?? 0,
    CgroupParent: host.CgroupParent ?? '',
    BlkioWeight: host.BlkioWeight ?? 0,
    BlkioWeightDevice: host.BlkioWeightDevice ?? [],
    BlkioDeviceReadBps: host.BlkioDeviceReadBps ?? [],
    BlkioDeviceWriteBps: host.BlkioDeviceWriteBps ?? [],
    BlkioDeviceReadIOps: host.BlkioDeviceReadIOps ?? [],
    BlkioDeviceWriteIOps: host.BlkioDeviceWriteIOps ?? [],
    CpuPeriod: host.CpuPeriod ?? 0,
    CpuQuota: host.CpuQuota ?? 0,
    CpuRealtimePeriod: host.CpuRealtimePeriod ?? 0,
    CpuRealtimeRuntime: host.CpuRealtimeRuntime ?? 0,
    CpusetCpus: host.CpusetCpus ?? '',
    CpusetMems: host.CpusetMems ?? '',
    Devices: host.Devices ?? [],
    DeviceCgroupRules: host.DeviceCgroupRules ?? null,
    DeviceRequests: host.DeviceRequests ?? null,
    MemoryReservation: host.MemoryReservation ?? 0,
    ...(host.KernelMemoryTCP !== undefined && host.KernelMemoryTCP > 0 && { KernelMemoryTCP: host.KernelMemoryTCP }),
    MemorySwap: host.MemorySwap ?? 0,
    MemorySwappiness: host.MemorySwappiness ?? null,
    OomKillDisable: host.OomKillDisable ?? false,
    PidsLimit: host.PidsLimit ?? null,
    Ulimits: host.Ulimits ?? [],
    CpuCount: host.CpuCount ?? 0,
    CpuPercent: host.CpuPercent ?? 0,
    IOMaximumIOps: host.IOMaximumIOps ?? 0,
    IOMaximumBandwidth: host.IOMaximumBandwidth ?? 0,
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
