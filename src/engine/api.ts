/** What the engine does for those above it (api/, and through it the command lines). Engine (engine/engine.ts) implements it. */
import type { Family } from '../metrics/family.ts';
import type { Readable } from 'node:stream';
import type { NewVolume, VolumeRecord } from '../volumes/volume-record.ts';
import type { ContainerConfig, ContainerRecord, ExecRecord, HostConfig, VmRecord } from './record.ts';

export interface CreateRequest {
  readonly name?: string;
  readonly config: ContainerConfig;
  readonly host: HostConfig;
}

export interface ListFilter {
  readonly all: boolean;
  readonly limit?: number;
  /** Docker's filters: each key's values are alternatives, the keys must all match. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
}

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

export interface LogEntry extends OutputChunk {
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  /** What the log options add to each line. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface LogOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  /** Number of lines from the end; undefined: all. */
  readonly tail?: number;
  /** Seconds since 1970, with fraction; bounds of the entries' times. */
  readonly since?: number;
  readonly until?: number;
  readonly signal: AbortSignal;
}

/** A client's end of a process's streams. Whoever got it closes it. */
export interface Attachment {
  readonly tty: boolean;
  /** Ends after the process's last byte. With a terminal everything is stdout. */
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when the bytes were taken: back-pressure for the client. */
  write(data: Buffer): Promise<void>;
  endInput(): void;
  close(): void;
}

export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Everything logged so far first. */
  readonly logs: boolean;
  /** Then what comes; without it the output ends after the logs. */
  readonly stream: boolean;
}

export interface ExecRequest {
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
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface WaitResult {
  readonly exitCode: number;
  readonly error?: string;
}

/** Docker's event: `Type`, `Action`, `Actor`. */
export interface EngineEvent {
  readonly type: 'container' | 'image' | 'network' | 'volume' | 'vm' | 'daemon';
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly timeNano: bigint;
}

export interface EventQuery {
  readonly since?: bigint; // ns
  readonly until?: bigint; // ns
  readonly filters: Readonly<Record<string, readonly string[]>>;
  readonly signal: AbortSignal;
}

/** Memory that a running instance needs on the host, in bytes; shared pages apart, so that nothing is counted twice. */
export interface MemoryUse {
  /** Private to this instance: its processes, its shim, its QEMU. */
  readonly own: number;
  /** What the VM template and the pool hold for all clones together. */
  readonly template: number;
  readonly pool: number;
}

/** What `docker update` changes; what is zero, empty or missing stays. */
export interface UpdateRequest {
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly MemoryReservation?: number;
  readonly NanoCpus?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpuShares?: number;
  readonly CpusetCpus?: string;
  readonly CpusetMems?: string;
  readonly BlkioWeight?: number;
  readonly PidsLimit?: number | null;
  readonly RestartPolicy?: { readonly Name?: string; readonly MaximumRetryCount?: number };
}

export interface ContainerSize {
  /** Bytes in its own layer; and with its image's. */
  readonly rw: number;
  readonly rootFs: number;
}

export interface ProcessList {
  readonly titles: readonly string[];
  readonly processes: ReadonlyArray<readonly string[]>;
}

export interface BlkioEntry {
  readonly major: number;
  readonly minor: number;
  readonly op: string;
  readonly value: number;
}

/** What a container uses. Times are nanoseconds, sizes bytes; counts from its start on. */
export interface Figures {
  /** Of the cgroups that they are from. */
  readonly version: '1' | '2';
  readonly cpu: {
    readonly total: number;
    readonly user: number;
    readonly kernel: number;
    readonly perCpu: readonly number[];
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledTime: number;
  };
  /** All processors of the host together, idle time too. */
  readonly systemCpu: number;
  readonly onlineCpus: number;
  readonly memory: {
    readonly usage: number;
    readonly max: number | undefined;
    readonly failures: number | undefined;
    readonly limit: number;
    readonly stats: Readonly<Record<string, number>>;
  };
  readonly pids: { readonly current: number; readonly limit: number | undefined };
  readonly blkio: readonly BlkioEntry[];
  readonly blkioOperations: readonly BlkioEntry[];
  readonly networks: Readonly<
    Record<
      string,
      Readonly<Record<'rxBytes' | 'rxPackets' | 'rxErrors' | 'rxDropped' | 'txBytes' | 'txPackets' | 'txErrors' | 'txDropped', number>>
    >
  >;
}

/** What a VM takes of the host: QEMU and its shim. Of a shared VM for all its containers together. */
export interface MachineCost {
  readonly name: string | undefined;
  readonly cpu: { readonly user: number; readonly kernel: number };
  readonly cpus: number;
  readonly memory: { readonly qemu: number; readonly shim: number; readonly machine: number };
  readonly blkio: { readonly read: number; readonly write: number };
}

/** All undefined for a container that does not run. */
export interface StatsSample {
  readonly time: string | undefined;
  readonly figures: Figures | undefined;
  readonly machine: MachineCost | undefined;
}

export interface StatsQuery {
  /** One each second until the container is removed; without it the end is after one, or two when primed. */
  readonly stream: boolean;
  readonly primed: boolean;
  readonly signal: AbortSignal;
}

/** What `docker cp` is told of a path. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  readonly mode: number; // Go's
  readonly mtime: string; // RFC 3339
  readonly linkTarget: string; // where a link leads in the end, "" for what is none
}

export interface PutOptions {
  /** A directory is not replaced by something else, nor something else by a directory. */
  readonly noOverwriteDirNonDir: boolean;
  /** All becomes the container's user's. */
  readonly copyUidGid: boolean;
}

/** Docker's kinds: 0 modified, 1 added, 2 deleted. */
export interface FileChange {
  readonly kind: 0 | 1 | 2;
  readonly path: string;
}

export interface SystemFacts {
  /** `kvm` or `tcg`, as probed; undefined while no VM was ever started. */
  readonly accelerator: string | undefined;
  readonly runtimes: readonly string[];
  readonly defaultRuntime: string;
  readonly kernel: string;
  readonly cgroupVersion: '1' | '2';
  readonly cgroupDriver: 'cgroupfs';
  readonly templateBytes: number;
  readonly poolBytes: number;
  readonly poolSize: number;
}

export interface Volume extends VolumeRecord {
  readonly anonymous: boolean;
  readonly mountpoint: string;
  /** Ids of the containers that have it, running or not. */
  readonly users: readonly string[];
}

export interface VolumeFilters {
  readonly name?: readonly string[];
  readonly label?: readonly string[];
  readonly driver?: readonly string[];
  readonly dangling?: boolean;
}

export interface Volumes {
  /** The volume of this name as it is, where there is one. An empty name becomes a random one. */
  create(request: NewVolume): Promise<Volume>;
  get(name: string): Volume; // not-found otherwise: "get X: no such volume"
  list(filters: VolumeFilters): Volume[];
  remove(name: string, options: { force: boolean }): Promise<void>; // conflict while a container has it
  /** Those that no container has: all of them, or only those that nobody named. */
  prune(options: {
    all: boolean;
    label: readonly string[];
    notLabel: readonly string[];
  }): Promise<{ deleted: string[]; reclaimed: number }>;
  size(name: string): Promise<number>; // bytes
  mountpoint(name: string): string;
}

export interface ContainerEngine {
  readonly volumes: Volumes;
  create(request: CreateRequest): Promise<{ id: string; warnings: string[] }>;
  /** By id, unique prefix of an id, or name (a leading slash is allowed); `not-found` otherwise: "No such container: X". */
  get(reference: string): ContainerRecord;
  list(filter: ListFilter): ContainerRecord[];
  start(reference: string): Promise<void>; // not-modified when running
  stop(reference: string, options: { signal?: string; timeout?: number }): Promise<void>; // not-modified when not running
  restart(reference: string, options: { signal?: string; timeout?: number }): Promise<void>;
  kill(reference: string, signal: string): Promise<void>; // conflict when not running
  pause(reference: string): Promise<void>;
  unpause(reference: string): Promise<void>;
  rename(reference: string, name: string): Promise<void>;
  remove(reference: string, options: { force: boolean; volumes: boolean }): Promise<void>;
  /** Takes a legacy link away; what runs keeps what it was told. */
  removeLink(parent: string, alias: string): Promise<void>;
  /** The promise of the promise: the first resolves when the wait is registered (headers can be sent), the second with the exit. */
  wait(reference: string, condition: WaitCondition, signal: AbortSignal): Promise<{ result: Promise<WaitResult> }>;
  /** Many entries at a time. */
  logs(reference: string, options: LogOptions): Promise<AsyncIterable<readonly LogEntry[]>>;
  attach(reference: string, options: AttachOptions): Promise<Attachment>;
  resize(reference: string, rows: number, columns: number): Promise<void>;
  memory(reference: string): Promise<MemoryUse>;

  size(reference: string): Promise<ContainerSize>;
  /** By id. */
  sizes(records: readonly ContainerRecord[]): Promise<ReadonlyMap<string, ContainerSize>>;
  update(reference: string, request: UpdateRequest): Promise<void>;
  top(reference: string, psArguments: string): Promise<ProcessList>;
  stats(reference: string, query: StatsQuery): AsyncIterable<StatsSample>;
  statPath(reference: string, path: string): Promise<PathStat>;
  /** What is at the path, as a tar. Whoever got it reads it to the end or destroys it. */
  getArchive(reference: string, path: string): Promise<{ stat: PathStat; content: Readable }>;
  /** Unpacks a tar (also gzip, zstd) into the directory. */
  putArchive(reference: string, path: string, archive: Readable, options: PutOptions): Promise<void>;
  changes(reference: string): Promise<FileChange[]>;
  exportFiles(reference: string): Promise<Readable>;

  createExec(reference: string, request: ExecRequest): Promise<string>;
  getExec(id: string): ExecRecord;
  /** Attached unless `detach`. Resolves when the process runs. */
  startExec(id: string, options: { detach: boolean; rows?: number; columns?: number }): Promise<Attachment | undefined>;
  resizeExec(id: string, rows: number, columns: number): Promise<void>;

  createVm(request: { name: string; cpus?: number; memory?: number }): Promise<VmRecord>;
  listVms(): VmRecord[];
  getVm(name: string): VmRecord;
  removeVm(name: string, options: { force: boolean }): Promise<void>;

  /** Tells of what happened elsewhere: to an image, or to many at once. */
  announce(event: Omit<EngineEvent, 'timeNano'>): void;
  events(query: EventQuery): AsyncIterable<EngineEvent>;
  facts(): Promise<SystemFacts>;
  /** For Prometheus; `version` is Abode's own. */
  metrics(version: string): Promise<Family[]>;
}
