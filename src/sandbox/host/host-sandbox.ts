/** A container on the host's kernel: an OCI runtime's process below a shim of its own. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../agent-client/connection.ts';
import { type Fields, FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import type { Attachment } from '../attachment.ts';
import type { Ceilings } from '../ceilings.ts';
import { cgroupDirectories, cgroupMemory, cgroupVersion, freezeCgroup, killCgroup, removeCgroup } from '../cgroup.ts';
import { findHostParts } from '../oci/resources.ts';
import type { FileAccess } from '../file-access.ts';
import type { Kernel } from '../kernel.ts';
import { applyLimits, type LimitChanges } from '../limit-changes.ts';
import { composeProcess, composeSpec, type OciProcess, specJson } from '../oci/spec.ts';
import { overlayOptions } from '../overlay.ts';
import { stdioFields } from '../process-fields.ts';
import { privateMemory } from '../process-memory.ts';
import type { ContainerSpec, ProcessExit, ProcessSpec, ReleaseOptions, Sandbox, SandboxMemory, Streams } from '../sandbox.ts';
import { Shim } from '../shim.ts';
import { placeMounts } from './place-mounts.ts';
import { classifyRuntimeError } from '../start-error.ts';
import { cgroupName, recordCgroup, recordedCgroup } from '../cgroup-name.ts';
import { mountShm, shmSource, unmountShm } from './shared-memory.ts';
import { runningFiles } from './host-file-access.ts';
import { hostKernel } from '../host-kernel.ts';

export interface HostOptions {
  readonly agentPath: string;
  readonly ceilings: Ceilings;
  /** Where runtimes keep their own state; below the run directory. */
  readonly runtimeRoot: string;
}

/** A runtime may take this long: slow disks and busy machines included. */
const RUNTIME_MS = 60_000;
/** What is killed then ends without its shim: its clients may keep that one a while. */
const SHUTDOWN_MS = 5000;
const MS_RDONLY = 1;

export class HostSandbox implements Sandbox {
  readonly #options: HostOptions;
  readonly #runtime: string;
  readonly #spec: ContainerSpec;
  readonly #shim: Shim;
  #pid = 0;
  #asked = false;

  private constructor(options: HostOptions, runtime: string, spec: ContainerSpec, shim: Shim) {
    this.#options = options;
    this.#runtime = runtime;
    this.#spec = spec;
    this.#shim = shim;
  }

  static async prepare(options: HostOptions, runtime: string, spec: ContainerSpec): Promise<HostSandbox> {
    // Before the shim, so that it is in the shim's view of the mounts, and in those of who joins.
    if (spec.sharing?.shm?.kind === 'shareable') await mountShm(spec.runDir, spec.shmSize);
    if (spec.cgroupParent !== undefined) await recordCgroup(spec);
    const [shim] = await Promise.all([
      Shim.spawn(options.agentPath, spec.runDir),
      mkdir(join(spec.rootDir, 'upper'), { recursive: true, mode: 0o755 }),
      mkdir(join(spec.rootDir, 'work'), { recursive: true, mode: 0o700 }),
    ]);
    return new HostSandbox(options, runtime, spec, shim);
  }

  static async adopt(options: HostOptions, runtime: string, spec: ContainerSpec): Promise<HostSandbox | undefined> {
    const shim = await Shim.find(spec.runDir);
    if (shim === undefined) return undefined;
    const sandbox = new HostSandbox(options, runtime, spec, shim);
    sandbox.#asked = true;
    shim.expectExit(spec.init.proc, spec.init.exitPath);
    const known = await shim.refresh();
    sandbox.#pid = known.get(spec.init.proc)?.pid ?? 0;
    return sandbox;
  }

  attach(proc: number, streams: Streams, tty: boolean): Promise<Attachment> {
    return this.#shim.attach(proc, streams, tty);
  }

  async start(): Promise<number> {
    const spec = this.#spec;
    this.#shim.expectExit(spec.init.proc, spec.init.exitPath);
    const process = await this.#prepareBundle();
    this.#asked = true;
    const args = this.#runtimeArguments('run', ['--bundle', spec.runDir, ...this.#common(spec.init, 'init'), spec.id]);
    this.#pid = await this.#launch(spec.init, 'init', args, process.args, (fields) =>
      fields.addAll(Tag.CLEANUP_ARG, this.#runtimeArguments('delete', ['--force', spec.id])),
    );
    return this.#pid;
  }

  async exec(process: ProcessSpec): Promise<number> {
    this.#shim.expectExit(process.proc, process.exitPath);
    const name = `exec-${String(process.proc)}`;
    const user = await this.#resolveUser(process);
    const composed = composeProcess(this.#spec, process, user, this.#options.ceilings.rlimits, this.#options.ceilings.capabilities);
    const file = join(this.#spec.runDir, `${name}.json`);
    await writeFile(file, specJson(composed), { mode: 0o600 });
    const args = this.#runtimeArguments('exec', ['--process', file, ...this.#common(process, name), this.#spec.id]);
    return this.#launch(process, name, args, process.args, (fields) => fields.add(Tag.JOIN, this.#spec.init.proc));
  }

  async signal(proc: number, signal: number, all: boolean): Promise<void> {
    await this.#shim.signal(proc, signal, all);
  }

  async resize(proc: number, rows: number, columns: number): Promise<void> {
    await this.#shim.request(FrameType.RESIZE, new FieldsBuilder().add(Tag.ROWS, rows).add(Tag.COLS, columns), proc);
  }

  pause(paused: boolean): Promise<void> {
    return freezeCgroup(this.#cgroup, paused);
  }

  exit(proc: number): Promise<ProcessExit> {
    return this.#shim.exit(proc);
  }

  async releaseProcess(proc: number): Promise<void> {
    if (this.#shim.alive) await this.#shim.request(FrameType.RELEASE, undefined, proc).catch(ignoreGone);
  }

  async memory(): Promise<SandboxMemory> {
    const [container, shim] = await Promise.all([cgroupMemory(this.#cgroup), this.#shim.pid().then(privateMemory)]);
    return { own: (container ?? 0) + shim };
  }

  kernel(): Kernel {
    return hostKernel(this.#cgroup);
  }

  machineProcesses(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  files(): Promise<FileAccess> {
    return Promise.resolve(runningFiles(this.#shim, this.#spec));
  }

  update(changes: LimitChanges): Promise<void> {
    return applyLimits(this.kernel(), changes);
  }

  async release(_options?: ReleaseOptions): Promise<void> {
    const spec = this.#spec;
    const orderly = await this.#releaseInit();
    this.#shim.disconnect();
    // Where its PID namespace is not its own the end of its init ends nobody else.
    if (!orderly || spec.sharing?.pid !== undefined) {
      await HostSandbox.sweep(this.#options, spec);
      return;
    }
    await removeCgroup(this.#cgroup);
    await unmountShm(spec.runDir);
    await rm(spec.runDir, { recursive: true, force: true });
  }

  /** After its only process was released the shim ends by itself; where there is none, or it cannot be, it is told to. */
  async #releaseInit(): Promise<boolean> {
    if (!this.#shim.alive) return false;
    if (this.#asked) {
      try {
        await this.#shim.request(FrameType.RELEASE, undefined, this.#spec.init.proc, RUNTIME_MS);
        return true;
      } catch (error) {
        ignoreGone(error);
      }
    }
    await this.#shim.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, 0)).catch(ignoreGone);
    await this.#shim.gone(SHUTDOWN_MS);
    return false;
  }

  /** Removes what a container left whose shim is not there to help: its processes may live on. */
  static async sweep(options: HostOptions, spec: Pick<ContainerSpec, 'id' | 'runDir'>): Promise<void> {
    const name = await recordedCgroup(spec);
    await killCgroup(name);
    await removeCgroup(name);
    await forgetInRuntimes(options.runtimeRoot, spec.id);
    await unmountShm(spec.runDir);
    await rm(spec.runDir, { recursive: true, force: true });
  }

  get #cgroup(): string {
    return cgroupName(this.#spec);
  }

  #runtimeArguments(verb: string, args: readonly string[]): string[] {
    return [this.#runtime, '--root', join(this.#options.runtimeRoot, this.#runtime.replaceAll('/', '_')), verb, ...args];
  }

  #common(process: ProcessSpec, name: string): string[] {
    const { runDir } = this.#spec;
    return [
      '--detach',
      '--pid-file',
      join(runDir, `${name}.pid`),
      ...(process.tty ? ['--console-socket', join(runDir, `${name}.tty`)] : []),
    ];
  }

  /** Network, root filesystem and config.json; everything but the last is under way in the shim at once. */
  async #prepareBundle(): Promise<OciProcess> {
    const spec = this.#spec;
    const rootfs = join(spec.runDir, 'rootfs');
    const netns = join(spec.runDir, 'netns');
    const overlay = overlayOptions(spec.layers, join(spec.rootDir, 'upper'), join(spec.rootDir, 'work'));
    const mount = new FieldsBuilder()
      .add(Tag.SOURCE, 'overlay')
      .add(Tag.TARGET, rootfs)
      .add(Tag.FSTYPE, 'overlay')
      .add(Tag.FLAGS, 0)
      .add(Tag.DATA, overlay);
    const [, user, , version, placed, host] = await Promise.all([
      this.#shim.request(FrameType.MOUNT, mount),
      this.#resolveUser(spec.init),
      this.#setUpNetwork(netns),
      cgroupVersion(),
      placeMounts(this.#shim, spec),
      findHostParts(spec),
      ...(this.#runtime === 'runsc' ? [this.#hideNetworkDefaults()] : []),
    ]);
    const process = composeProcess(spec, spec.init, user, this.#options.ceilings.rlimits, this.#options.ceilings.capabilities);
    const init: OciProcess = spec.runInit ? { ...process, args: ['/sbin/docker-init', 'init', '--', ...process.args] } : process;
    const config = composeSpec(spec, init, {
      rootfs,
      netns,
      cgroupsPath: `/${this.#cgroup}`,
      cgroupVersion: version,
      host,
      shm: shmSource(spec),
      ceilings: this.#options.ceilings.rlimits,
      fileSource: (source) => (source === 'init' ? this.#options.agentPath : source),
      mountSource: (given) => placed.get(given) ?? given.source,
    });
    await writeFile(join(spec.runDir, 'config.json'), specJson(config), { mode: 0o600 });
    return process;
  }

  /**
   * runsc takes a network namespace that has these files for the host's own, and refuses it; newer kernels have them in all. Only the
   * shim and its runtime see the empty directory (docs/decisions/0013).
   */
  async #hideNetworkDefaults(): Promise<void> {
    const fields = new FieldsBuilder()
      .add(Tag.SOURCE, 'tmpfs')
      .add(Tag.TARGET, '/proc/sys/net')
      .add(Tag.FSTYPE, 'tmpfs')
      .add(Tag.FLAGS, MS_RDONLY)
      .add(Tag.DATA, 'size=4k');
    await this.#shim.request(FrameType.MOUNT, fields);
  }

  async #resolveUser(process: ProcessSpec): Promise<{ uid: number; gid: number; groups: number[]; home: string }> {
    const fields = new FieldsBuilder()
      .add(Tag.ROOT, join(this.#spec.runDir, 'rootfs'))
      .add(Tag.USER, process.user)
      .addAll(Tag.GROUP_ADD, process.groupAdd);
    const answer: Fields = await this.#shim.request(FrameType.RESOLVE_USER, fields);
    return {
      uid: answer.number(Tag.UID) ?? 0,
      gid: answer.number(Tag.GID) ?? 0,
      groups: answer.numbers(Tag.GROUP),
      home: answer.string(Tag.HOME) ?? '/',
    };
  }

  async #setUpNetwork(netns: string): Promise<void> {
    const { network, sharing } = this.#spec;
    if (sharing?.network !== undefined) return;
    const fields = new FieldsBuilder().add(Tag.NETNS, netns);
    if (network === undefined) {
      await this.#shim.request(FrameType.NET_LOOPBACK, fields);
      return;
    }
    fields
      .add(Tag.HOST_IF, network.hostInterface)
      .add(Tag.IFNAME, network.interfaceName)
      .add(Tag.MAC, Buffer.from(network.mac.replaceAll(':', ''), 'hex'))
      .addAll(Tag.ADDRESS, network.addresses)
      .addAll(Tag.GATEWAY, network.gateways)
      .add(Tag.BRIDGE, network.bridge)
      .add(Tag.MTU, network.mtu);
    await this.#shim.request(FrameType.NET_VETH, fields);
  }

  async #launch(
    process: ProcessSpec,
    name: string,
    args: readonly string[],
    command: readonly string[],
    more: (fields: FieldsBuilder) => void,
  ): Promise<number> {
    const { runDir } = this.#spec;
    const fields = stdioFields(process)
      .addAll(Tag.ARG, args)
      .add(Tag.PID_FILE, join(runDir, `${name}.pid`))
      .addAll(Tag.CGROUP, await cgroupDirectories(this.#cgroup))
      .add(Tag.CONSOLE_SOCKET, process.tty ? join(runDir, `${name}.tty`) : undefined);
    more(fields);
    try {
      const answer = await this.#shim.request(FrameType.START_RUNTIME, fields, process.proc, RUNTIME_MS);
      return answer.number(Tag.PID) ?? 0;
    } catch (error) {
      if (error instanceof AgentError && error.agentCode === 'runtime') {
        throw classifyRuntimeError(error.message, command[0] ?? '', process === this.#spec.init ? 'create' : 'exec');
      }
      throw error;
    }
  }
}

/** A runtime that was not asked to delete a container would refuse its name for ever. */
async function forgetInRuntimes(runtimeRoot: string, id: string): Promise<void> {
  const runtimes = await readdir(runtimeRoot).catch(() => []);
  for (const runtime of runtimes) {
    const kept = await readdir(join(runtimeRoot, runtime)).catch(() => []);
    for (const entry of kept.filter((candidate) => candidate.startsWith(id)))
      await rm(join(runtimeRoot, runtime, entry), { recursive: true, force: true });
  }
}

/** A shim that is gone has released everything already. */
function ignoreGone(error: unknown): void {
  if (error instanceof AgentError || (error instanceof Error && 'code' in error && error.code === 'unavailable')) return;
  throw error;
}
