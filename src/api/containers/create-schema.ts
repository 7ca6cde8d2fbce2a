/**
 * What of Docker's container configuration is read. Unknown fields are tolerated; null is a missing field, as in Go.
 * The tables have a schema for each field of the engine's record, or they do not compile.
 */
import Type, { type TSchema } from 'typebox';
import type { ContainerConfig, HostConfig } from '../../engine/record.ts';
import { fields, PLACEMENT_CONFIG, PLACEMENT_HOST, RESOURCES, whole } from './create-schema-parts.ts';

type Nullable<T> = { readonly [K in keyof T]?: T[K] | null };

/** Of the fields that the engine does not have only this is known: that they were given. */
export type UnreadFields = Readonly<Record<string, unknown>>;

export type CreateBody = Nullable<Omit<ContainerConfig, 'Cmd' | 'Entrypoint'>> & {
  readonly Cmd?: string | readonly string[] | null;
  readonly Entrypoint?: string | readonly string[] | null;
  readonly HostConfig?: (Nullable<HostConfig> & UnreadFields) | null;
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, UnreadFields | null>> | null;
  } | null;
} & UnreadFields;

const text = Type.String();
const truth = Type.Boolean();
const texts = Type.Array(Type.String());
const pairs = Type.Record(Type.String(), Type.String());
/** A string is a list of one. */
const words = Type.Union([Type.Array(Type.String()), Type.String()]);

const CONFIG: Record<keyof ContainerConfig, TSchema> = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: truth,
  AttachStdout: truth,
  AttachStderr: truth,
  Tty: truth,
  OpenStdin: truth,
  StdinOnce: truth,
  Env: texts,
  Cmd: words,
  Entrypoint: words,
  ExposedPorts: Type.Record(Type.String(), Type.Unknown()),
  Image: text,
  WorkingDir: text,
  Labels: pairs,
  MacAddress: text,
  StopSignal: text,
  StopTimeout: whole,
  ...PLACEMENT_CONFIG,
  Volumes: Type.Record(Type.String(), Type.Object({})),
};

const HOST: Record<keyof HostConfig, TSchema> = {
  Runtime: text,
  NetworkMode: text,
  PortBindings: Type.Record(Type.String(), Type.Union([Type.Array(fields({ HostIp: text, HostPort: text })), Type.Null()])),
  PublishAllPorts: truth,
  AutoRemove: truth,
  Memory: whole,
  MemorySwap: whole,
  NanoCpus: whole,
  CpuShares: whole,
  CpuPeriod: whole,
  CpuQuota: whole,
  CpusetCpus: text,
  PidsLimit: whole,
  Privileged: truth,
  ReadonlyRootfs: truth,
  CapAdd: words,
  CapDrop: words,
  GroupAdd: texts,
  SecurityOpt: texts,
  Ulimits: Type.Array(fields({ Name: text, Soft: whole, Hard: whole })),
  Sysctls: pairs,
  Tmpfs: pairs,
  ShmSize: whole,
  Init: truth,
  OomScoreAdj: whole,
  ExtraHosts: texts,
  Links: texts,
  Dns: texts,
  DnsSearch: texts,
  DnsOptions: texts,
  LogConfig: fields({ Type: text, Config: pairs }),
  RestartPolicy: fields({ Name: text, MaximumRetryCount: whole }),
  MaskedPaths: texts,
  ReadonlyPaths: texts,
  ...RESOURCES,
  ...PLACEMENT_HOST,
  Binds: texts,
  Mounts: Type.Array(
    fields({
      Type: text,
      Source: text,
      Target: text,
      ReadOnly: truth,
      Consistency: text,
      BindOptions: fields({
        Propagation: text,
        NonRecursive: truth,
        CreateMountpoint: truth,
        ReadOnlyNonRecursive: truth,
        ReadOnlyForceRecursive: truth,
      }),
      VolumeOptions: fields({ NoCopy: truth, Labels: pairs, DriverConfig: fields({ Name: text, Options: pairs }), Subpath: text }),
      TmpfsOptions: fields({ SizeBytes: whole, Mode: whole, Options: Type.Array(texts) }),
    }),
  ),
  VolumesFrom: texts,
  VolumeDriver: text,
};

export const CONFIG_FIELDS: ReadonlyArray<keyof ContainerConfig> = Object.keys(CONFIG) as Array<keyof ContainerConfig>;
export const HOST_FIELDS: ReadonlyArray<keyof HostConfig> = Object.keys(HOST) as Array<keyof HostConfig>;

export const createSchema: TSchema = fields({
  ...CONFIG,
  HostConfig: fields(HOST),
  NetworkingConfig: fields({
    EndpointsConfig: Type.Record(Type.String(), Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
  }),
});
