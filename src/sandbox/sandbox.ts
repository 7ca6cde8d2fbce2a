/**
 * A sandbox is where a container lives: the host's kernel behind an OCI runtime, or a VM. Vocabulary and life cycle:
 *
 *   prepare   the sandbox's shim runs, nothing of the container yet; clients may attach
 *   start     the container's init runs
 *   exited    init ended; the exit is kept until
 *   release   everything that the sandbox made is gone: processes, mounts, interfaces, cgroups, files in the run directory
 *
 * `adopt` finds a sandbox again that a former daemon prepared. Example, as the engine does it:
 *
 *   const sandbox = await driver.prepare(spec);
 *   const pid = await sandbox.start();
 *   const exit = await sandbox.exit(spec.proc);
 *   await sandbox.release();
 */
import type { Attachment } from './attachment.ts';
import type { Resources } from './resources.ts';
import type { Sharing } from './sharing.ts';
import type { FileAccess } from './file-access.ts';
import type { Kernel, MachineProcesses } from './kernel.ts';
import type { LimitChanges } from './limit-changes.ts';

/** A file that the engine makes and the container sees: /etc/hosts and its like. */
export interface InjectedFile {
  readonly destination: string;
  readonly source: string; // on the host
}

export interface NetworkPlan {
  readonly interfaceName: string; // inside: eth0
  readonly hostInterface: string; // outside: veth or tap, at most 15 bytes
  readonly bridge: string;
  readonly mac: string;
  readonly addresses: readonly string[]; // with prefix length
  readonly gateways: readonly string[];
  readonly mtu: number;
}

export interface Limits {
  readonly memory: number; // bytes, 0: none
  readonly memorySwap: number; // memory and swap, bytes, 0: Docker's default (twice memory), -1: none
  readonly microCpus: number; // 1 CPU = 1,000,000; 0: none
  readonly cpuShares: number;
  readonly cpuset: string;
  readonly pids: number; // 0: none
}

export interface Rlimit {
  readonly name: string; // RLIMIT_NOFILE, …
  readonly soft: bigint;
  readonly hard: bigint;
}

export interface Security {
  readonly privileged: boolean;
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  /** 'default', 'unconfined', or a profile's JSON. */
  readonly seccomp: string;
  /** The release of the kernel that it runs on, which a profile may ask for; undefined: the host's. */
  readonly kernel?: string | undefined;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly readonlyRoot: boolean;
}

export interface LogTarget {
  readonly path: string;
  readonly maxSize: number; // bytes, 0: no rotation
  readonly maxFiles: number;
  /** JSON of an object that goes into every line. */
  readonly attributes?: string;
}

/** What every process of a container has. */
export interface ProcessSpec {
  /** The agent's number for this process, unique in its sandbox. */
  readonly proc: number;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string; // as the image or the request says; resolved in the root filesystem
  readonly groupAdd: readonly string[];
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly log: LogTarget | undefined;
  readonly exitPath: string;
  /** More than the container's own: `exec --privileged`. */
  readonly privileged: boolean;
}

/** A directory or file of the host in a container. */
export interface HostMount {
  readonly source: string;
  /** Looked up beneath the source, where no link leads out of it; '' is the source itself. */
  readonly subpath: string;
  readonly destination: string;
  readonly writable: boolean;
  /** Whether read-only includes what is mounted below the source. */
  readonly readonlyBelow: 'possible' | 'no' | 'required';
  readonly recursive: boolean;
  readonly propagation: string;
}

export interface ContainerSpec {
  readonly id: string;
  readonly init: ProcessSpec;
  /** For sockets, the bundle and exit records; does not outlast a reboot. */
  readonly runDir: string;
  /** For the writable layer, log and injected files. */
  readonly rootDir: string;
  readonly hostname: string;
  readonly domainname: string;
  /** Directories for an overlay's lowerdir, topmost first. */
  readonly layers: readonly string[];
  /** The image as a read-only block device, for VMs; made on first use. */
  readonly disk: () => Promise<{ path: string }>;
  readonly files: readonly InjectedFile[];
  readonly network: NetworkPlan | undefined; // undefined: only a loopback
  readonly limits: Limits;
  /** Undefined: none of them. */
  readonly resources?: Resources;
  /** Undefined: everything is its own. */
  readonly sharing?: Sharing;
  /** For the OCI runtime. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** A cgroup of the host that the container's own is made in; undefined: Abode's. */
  readonly cgroupParent?: string;
  readonly rlimits: readonly Rlimit[];
  readonly security: Security;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly mounts: readonly HostMount[];
  readonly shmSize: number;
  readonly runInit: boolean;
  readonly oomScoreAdj: number;
}

export interface ProcessExit {
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** RFC 3339. */
  readonly time: string;
  /** Why, where the code does not say it: the guest's panic, QEMU killed. */
  readonly reason: string;
}

/** Bit mask of the streams that an attachment carries. */
export interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface SandboxMemory {
  readonly own: number; // bytes, private to this sandbox on the host
}

export interface ReleaseOptions {
  /** The container stays: its writable layer must be whole. */
  readonly keepData: boolean;
}

export interface Sandbox {
  /** Before `start` it sees every byte; may be called at any time. */
  attach(proc: number, streams: Streams, tty: boolean): Promise<Attachment>;
  /** The init's pid as the host sees it; in a VM, QEMU's. */
  start(): Promise<number>;
  exec(spec: ProcessSpec): Promise<number>;
  signal(proc: number, signal: number, all: boolean): Promise<void>;
  resize(proc: number, rows: number, columns: number): Promise<void>;
  pause(paused: boolean): Promise<void>;
  /** Resolves also when the shim or the VM is gone without having said goodbye. */
  exit(proc: number): Promise<ProcessExit>;
  /** Forgets an exec that ended. */
  releaseProcess(proc: number): Promise<void>;
  memory(): Promise<SandboxMemory>;
  /** Where the container's processes and figures are to be read. */
  kernel(): Kernel;
  /** Of a VM. */
  machineProcesses(): Promise<MachineProcesses | undefined>;
  files(): Promise<FileAccess>;
  /** While it runs. */
  update(changes: LimitChanges): Promise<void>;
  release(options: ReleaseOptions): Promise<void>;
}

/** What a start that was refused has to say: Docker's exit codes 126 and 127 and its message. */
export type StartFailure = 'not-found' | 'not-executable' | 'other';
