/** The part of Docker's `Config` and `HostConfig` that says what a container shares with the host and with others, and what is kept for clients. */
import type { HealthConfig } from '../images/api.ts';

export interface PlacementHostConfig {
  readonly PidMode?: string;
  readonly IpcMode?: string;
  readonly UTSMode?: string;
  readonly CgroupnsMode?: string;
  readonly UsernsMode?: string;
  readonly CgroupParent?: string;
  readonly Isolation?: string;
  readonly StorageOpt?: Readonly<Record<string, string>> | null;
  readonly Annotations?: Readonly<Record<string, string>> | null;
  /** Rows and columns of the terminal at the start. */
  readonly ConsoleSize?: readonly number[] | null;
  readonly ContainerIDFile?: string;
  /** Of Docker on Windows, kept for clients that read them again. */
  readonly CpuCount?: number;
  readonly CpuPercent?: number;
  readonly IOMaximumIOps?: number;
  readonly IOMaximumBandwidth?: number;
}

export interface PlacementConfig {
  readonly Healthcheck?: HealthConfig | null;
  readonly NetworkDisabled?: boolean;
  /** Of the image's builder: they mean something to the next build, and `Shell` to a health check. */
  readonly OnBuild?: readonly string[] | null;
  readonly Shell?: readonly string[] | null;
  /** Of Docker on Windows. */
  readonly ArgsEscaped?: boolean;
}
