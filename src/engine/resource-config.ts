/** The part of Docker's `HostConfig` that limits what a container takes, and names the devices that it gets. */

/** `--device`. */
export interface DeviceMapping {
  readonly PathOnHost?: string | null;
  readonly PathInContainer?: string | null;
  readonly CgroupPermissions?: string | null;
}

/** `--gpus`. */
export interface DeviceRequest {
  readonly Driver?: string | null;
  readonly Count?: number | null;
  readonly DeviceIDs?: readonly string[] | null;
  readonly Capabilities?: ReadonlyArray<readonly string[]> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
}

export interface DeviceRate {
  readonly Path: string;
  readonly Rate: number;
}

export interface DeviceWeight {
  readonly Path: string;
  readonly Weight: number;
}

export interface ResourceConfig {
  readonly MemoryReservation?: number; // bytes
  readonly MemorySwappiness?: number | null; // 0 to 100; -1: the host's
  readonly OomKillDisable?: boolean | null;
  readonly KernelMemory?: number;
  readonly KernelMemoryTCP?: number;
  readonly CpusetMems?: string;
  readonly CpuRealtimePeriod?: number; // µs
  readonly CpuRealtimeRuntime?: number; // µs
  readonly BlkioWeight?: number; // 10 to 1000
  readonly BlkioWeightDevice?: readonly DeviceWeight[] | null;
  readonly BlkioDeviceReadBps?: readonly DeviceRate[] | null;
  readonly BlkioDeviceWriteBps?: readonly DeviceRate[] | null;
  readonly BlkioDeviceReadIOps?: readonly DeviceRate[] | null;
  readonly BlkioDeviceWriteIOps?: readonly DeviceRate[] | null;
  readonly Devices?: readonly DeviceMapping[] | null;
  readonly DeviceCgroupRules?: readonly string[] | null;
  readonly DeviceRequests?: readonly DeviceRequest[] | null;
}
