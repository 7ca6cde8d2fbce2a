/** Schemas of the fields that limit a container and place it, beside those of `create-schema.ts`. */
import Type, { type TProperties, type TSchema } from 'typebox';
import type { PlacementConfig, PlacementHostConfig } from '../../engine/placement-config.ts';
import type { ResourceConfig } from '../../engine/resource-config.ts';

/** What Go's int64 holds, as near as a double comes to it. */
const INT64 = 2 ** 63;
const text = Type.String();
export const whole: TSchema = Type.Integer({ minimum: -INT64, maximum: INT64 });
const truth = Type.Boolean();
const texts = Type.Array(text);
const pairs = Type.Record(text, text);
const unsigned16 = Type.Integer({ minimum: 0, maximum: 65_535 });
const unsigned64 = Type.Integer({ minimum: 0, maximum: 2 * INT64 });
const rates = Type.Array(fields({ Path: text, Rate: unsigned64 }));

export const RESOURCES: Record<keyof ResourceConfig, TSchema> = {
  MemoryReservation: whole,
  MemorySwappiness: whole,
  OomKillDisable: truth,
  KernelMemory: whole,
  KernelMemoryTCP: whole,
  CpusetMems: text,
  CpuRealtimePeriod: whole,
  CpuRealtimeRuntime: whole,
  BlkioWeight: unsigned16,
  BlkioWeightDevice: Type.Array(fields({ Path: text, Weight: unsigned16 })),
  BlkioDeviceReadBps: rates,
  BlkioDeviceWriteBps: rates,
  BlkioDeviceReadIOps: rates,
  BlkioDeviceWriteIOps: rates,
  Devices: Type.Array(fields({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text })),
  DeviceCgroupRules: texts,
  DeviceRequests: Type.Array(fields({ Driver: text, Count: whole, DeviceIDs: texts, Capabilities: Type.Array(texts), Options: pairs })),
};

export const PLACEMENT_HOST: Record<keyof PlacementHostConfig, TSchema> = {
  PidMode: text,
  IpcMode: text,
  UTSMode: text,
  CgroupnsMode: text,
  UsernsMode: text,
  CgroupParent: text,
  Isolation: text,
  StorageOpt: pairs,
  Annotations: pairs,
  ConsoleSize: Type.Array(Type.Integer({ minimum: 0, maximum: 65_535 })),
  ContainerIDFile: text,
  CpuCount: whole,
  CpuPercent: whole,
  IOMaximumIOps: unsigned64,
  IOMaximumBandwidth: unsigned64,
};

export const PLACEMENT_CONFIG: Record<keyof PlacementConfig, TSchema> = {
  Healthcheck: fields({ Test: texts, Interval: whole, Timeout: whole, StartPeriod: whole, StartInterval: whole, Retries: whole }),
  NetworkDisabled: truth,
  OnBuild: texts,
  Shell: texts,
  ArgsEscaped: truth,
};

/** Each may be missing or null. */
export function fields(properties: TProperties): TSchema {
  return Type.Object(
    Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, Type.Optional(Type.Union([schema, Type.Null()]))])),
  );
}
