/** What the engine knows of a container, as it is kept in the database. */
import type { HealthState } from './health/health-state.ts';
import type { PlacementConfig, PlacementHostConfig } from './placement-config.ts';
import type { ResourceConfig } from './resource-config.ts';
import type { PublishedPort } from '../network/ports/published-port.ts';
import type { MountPoint } from './mounts/mount-point.ts';

/** Where a container runs, as `--runtime` chose it. */
export type Isolation =
  | { readonly kind: 'container'; readonly runtime: string } // an OCI runtime on the host's kernel
  | { readonly kind: 'vm'; readonly boot: 'template' | 'cold' } // a VM of its own
  | { readonly kind: 'hybrid'; readonly vm: string }; // in the shared VM of this name

/** Docker's `Config`, only the fields that Abode honours. */
export interface ContainerConfig extends PlacementConfig {
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly User?: string;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly Env?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
  readonly Image: string;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly MacAddress?: string;
  readonly StopSignal?: string;
  readonly StopTimeout?: number | null;
  /** Destinations of anonymous volumes, the image's among them. */
  readonly Volumes?: Readonly<Record<string, object>> | null;
}

export interface PortBinding {
  readonly HostIp?: string | null;
  readonly HostPort?: string | null;
}

export interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

/** Docker's `Mount`: what `--mount` asks for. */
export interface MountRequest {
  readonly Type?: string | null;
  readonly Source?: string | null;
  readonly Target?: string | null;
  readonly ReadOnly?: boolean | null;
  readonly Consistency?: string | null; // without a meaning on Linux
  readonly BindOptions?: {
    readonly Propagation?: string | null;
    readonly NonRecursive?: boolean | null;
    readonly CreateMountpoint?: boolean | null;
    readonly ReadOnlyNonRecursive?: boolean | null;
    readonly ReadOnlyForceRecursive?: boolean | null;
  } | null;
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly DriverConfig?: { readonly Name?: string | null; readonly Options?: Readonly<Record<string, string>> | null } | null;
    readonly Subpath?: string | null;
  } | null;
  readonly TmpfsOptions?: {
    readonly SizeBytes?: number | null;
    readonly Mode?: number | null;
    readonly Options?: ReadonlyArray<readonly string[]> | null;
  } | null;
}

/** Docker's `HostConfig`, only the fields that Abode honours. */
export interface HostConfig extends ResourceConfig, PlacementHostConfig {
  readonly Runtime?: string;
  readonly NetworkMode?: string;
  /** By container port: `80/tcp`. */
  readonly PortBindings?: Readonly<Record<string, readonly PortBinding[] | null>> | null;
  readonly PublishAllPorts?: boolean;
  readonly AutoRemove?: boolean;
  readonly Memory?: number; // bytes, 0: no limit
  readonly MemorySwap?: number;
  readonly NanoCpus?: number;
  readonly CpuShares?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpusetCpus?: string;
  readonly PidsLimit?: number | null;
  readonly Privileged?: boolean;
  readonly ReadonlyRootfs?: boolean;
  readonly CapAdd?: readonly string[] | null;
  readonly CapDrop?: readonly string[] | null;
  readonly GroupAdd?: readonly string[] | null;
  readonly SecurityOpt?: readonly string[] | null;
  readonly Ulimits?: readonly Ulimit[] | null;
  readonly Sysctls?: Readonly<Record<string, string>> | null;
  readonly Tmpfs?: Readonly<Record<string, string>> | null;
  readonly ShmSize?: number;
  readonly Init?: boolean | null;
  readonly OomScoreAdj?: number;
  readonly ExtraHosts?: readonly string[] | null;
  readonly Links?: readonly string[] | null;
  readonly Dns?: readonly string[] | null;
  readonly DnsSearch?: readonly string[] | null;
  readonly DnsOptions?: readonly string[] | null;
  readonly LogConfig?: { readonly Type?: string; readonly Config?: Readonly<Record<string, string>> | null };
  readonly RestartPolicy?: { readonly Name?: string; readonly MaximumRetryCount?: number };
  readonly MaskedPaths?: readonly string[] | null;
  readonly ReadonlyPaths?: readonly string[] | null;
  readonly Binds?: readonly string[] | null;
  readonly Mounts?: readonly MountRequest[] | null;
  readonly VolumesFrom?: readonly string[] | null;
  readonly VolumeDriver?: string;
}

/** The payload exists only where it is legal. Times are RFC 3339. */
export type ContainerState =
  | { readonly status: 'created'; readonly error?: string; readonly exitCode?: number }
  | { readonly status: 'running'; readonly pid: number; readonly startedAt: string; readonly paused: boolean }
  | {
      readonly status: 'exited';
      readonly startedAt: string;
      readonly finishedAt: string;
      readonly exitCode: number;
      readonly oomKilled: boolean;
      readonly error: string;
      /** Its policy starts it again soon. Docker's clients take it for running. */
      readonly restarting?: true;
    };

/** The container's place on a network. */
export interface NetworkAttachment {
  readonly network: string; // 'bridge'
  readonly address: string; // without prefix length
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
  readonly ports?: readonly PublishedPort[];
}

/** A legacy link to another container on the default bridge. */
export interface ContainerLink {
  readonly container: string; // id
  readonly name: string; // what it is called now
  readonly alias: string;
}

export interface ContainerRecord {
  readonly id: string; // 64 hex digits
  readonly name: string; // without the leading slash
  readonly createdAt: string; // RFC 3339
  /** The image's id (sha256:…) and the reference it was asked for by. */
  readonly imageId: string;
  readonly imageReference: string;
  readonly isolation: Isolation;
  /** The request's configuration, completed with the image's. */
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  /** What runs: entrypoint and command put together. */
  readonly command: readonly string[];
  readonly state: ContainerState;
  readonly network?: NetworkAttachment;
  /** Where something checks it. */
  readonly health?: HealthState;
  readonly links?: readonly ContainerLink[];
  /** What its links gave its processes at its start. */
  readonly linkEnvironment?: readonly string[];
  readonly restartCount: number;
  /** The agent's number for the current or last init in its sandbox. */
  readonly proc: number;
  /** Set by stop and kill: an exit after it does not restart the container. */
  readonly stopRequested: boolean;
  /** A removal was begun: start-up completes it. */
  readonly removing: boolean;
  /** What of the host and which volumes it has, and where. */
  readonly mounts?: readonly MountPoint[];
  /** Its volumes are not filled yet, and nobody was told of it: start-up removes it. */
  readonly incomplete?: boolean;
  /** The removal that was begun takes its anonymous volumes along. */
  readonly removeVolumes?: boolean;
}

export interface ExecRecord {
  readonly id: string;
  readonly containerId: string;
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  readonly detachKeys: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly privileged: boolean;
  readonly proc: number;
  readonly running: boolean;
  readonly pid: number;
  readonly exitCode: number | null;
}

/** A VM that containers share. */
export interface VmRecord {
  readonly name: string;
  readonly id: string;
  readonly cpus: number;
  readonly memory: number; // bytes
  readonly createdAt: string;
  readonly state: 'running' | 'stopped';
  readonly containers: readonly string[];
  readonly accelerator: string;
}
