/** A container in a VM of its own: a clone of a template (or a cold boot) whose guest runs nothing else. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { AbodeError, invalid } from '../../base/errors.ts';
import { exists } from '../../base/files.ts';
import { createCgroup, removeCgroup } from '../cgroup.ts';
import { hasHostLimits, type HostLimits, limitCgroup } from '../cgroup-limits.ts';
import { cgroupName, recordCgroup, recordedCgroup } from '../cgroup-name.ts';
import type { Attachment } from '../attachment.ts';
import type { FileAccess } from '../file-access.ts';
import { hostKernel } from '../host-kernel.ts';
import type { Kernel, MachineProcesses } from '../kernel.ts';
import { applyLimits, type LimitChanges } from '../limit-changes.ts';
import { privateMemory } from '../process-memory.ts';
import type { ContainerSpec, NetworkPlan, ProcessExit, ProcessSpec, ReleaseOptions, Sandbox, SandboxMemory, Streams } from '../sandbox.ts';
import { Shim } from '../shim.ts';
import { StartError } from '../start-error.ts';
import { VmFiles } from './files.ts';
import { bindMounts } from './guest-mounts.ts';
import { type GuestFile, initFields, processFields, seccompFilter } from './guest-process.ts';
import { Machine } from './machine.ts';
import { updateInGuest } from './update-in-guest.ts';
import { mountData, mountRoot } from './prepare.ts';
import type { MachineType } from './qemu.ts';
import { chooseShape, memoryCeiling, QEMU_OVERHEAD } from './shape.ts';
import { guestFileAccess } from './guest-file-access.ts';
import { guestKernel } from './guest-kernel.ts';
import { GUEST_CONTAINER, GUEST_DATA, GUEST_IMAGE, GUEST_ROOT, GUEST_SCRATCH } from './guest-paths.ts';
import { padImageDisk } from './image-disk.ts';
import type { PooledMachine } from './pool.ts';
import type { MachineRequest, VmHost } from './vm-host.ts';

/** A cold boot under software emulation on a busy machine. */
const START_MS = 120_000;
const STOP_MS = 10_000;
const HOST_PERIOD = 100_000;
/** Of the one container's mounts among what the VM has of the host. */
const FILES_NAME = 'container';

/** A machine that is on its way. */
interface Launch {
  readonly done: Promise<void>;
  readonly type: MachineType;
  readonly files: VmFiles;
}

export class VmSandbox implements Sandbox {
  readonly #spec: ContainerSpec;
  readonly #machine: Machine;
  /** How the machine came to be, for the start: of the pool, started already and paused, or launched. */
  readonly #origin: PooledMachine | Launch | undefined;

  private constructor(spec: ContainerSpec, machine: Machine, origin?: PooledMachine | Launch) {
    this.#spec = spec;
    this.#machine = machine;
    this.#origin = origin;
  }

  /** Takes a machine of the pool, or lets one begin: it comes up while clients are attached. */
  static async prepare(host: VmHost, boot: 'template' | 'cold', spec: ContainerSpec): Promise<VmSandbox> {
    // A profile that cannot be used is refused before there is a machine.
    seccompFilter(spec.security);
    const pooled = boot === 'template' ? await takeFromPool(host, spec) : undefined;
    if (pooled !== undefined) return new VmSandbox(spec, pooled.machine, pooled);
    const shim = Shim.spawn(host.options.agentPath, spec.runDir);
    shim.catch(() => undefined); // told below
    try {
      // Meanwhile, since neither needs the other.
      const plan = await host.plan(await machineRequest(boot, spec));
      const machine = new Machine(await shim);
      const done = machine.launch(plan);
      done.catch(() => undefined); // told by the start
      return new VmSandbox(spec, machine, {
        done,
        type: plan.type,
        files: new VmFiles(machine, host.options.agentPath, spec.runDir, cgroupName(spec)),
      });
    } catch (error) {
      await shim.then((started) => new Machine(started).shutDown(0)).catch(() => undefined);
      throw error;
    }
  }

  static async adopt(spec: ContainerSpec): Promise<VmSandbox | undefined> {
    const shim = await Shim.find(spec.runDir);
    if (shim === undefined) return undefined;
    shim.expectExit(spec.init.proc, spec.init.exitPath);
    await shim.refresh();
    return new VmSandbox(spec, new Machine(shim));
  }

  attach(proc: number, streams: Streams, tty: boolean): Promise<Attachment> {
    return this.#machine.shim.attach(proc, streams, tty);
  }

  /** Everything is asked at once, in the order in which the guest carries it out: no round trip but the last. */
  async start(): Promise<number> {
    const { init, network } = this.#spec;
    this.#machine.shim.expectExit(init.proc, init.exitPath);
    if (this.#origin === undefined) throw new AbodeError('internal', 'a machine that was adopted is started already');
    if ('done' in this.#origin) {
      await this.#origin.done;
      const { type, files } = this.#origin;
      return this.#startInit(type.data === 'prepared', files);
    }
    const image = await this.#spec.disk();
    // What is asked of the guest waits in its port until it goes on.
    const [pid] = await Promise.all([this.#startInit(true), ...this.#wake(this.#origin, image.path, network)]);
    return pid;
  }

  /** Gives a paused machine its image and network, and lets it go on: QEMU carries these out in the order sent. */
  #wake(pooled: PooledMachine, image: string, network: NetworkPlan | undefined): Array<Promise<unknown>> {
    const { memory, microCpus } = this.#spec.limits;
    const shape = chooseShape(memory, microCpus);
    const bridge =
      network === undefined
        ? undefined
        : new FieldsBuilder()
            .add(Tag.HOST, 1)
            .add(Tag.BRIDGE, network.bridge)
            .add(Tag.IFNAME, pooled.hostInterface)
            .add(Tag.MTU, network.mtu);
    return [
      ...(microCpus > 0 ? [createCgroup(pooled.cgroup, { memory: memoryCeiling(shape), microCpus, pids: 0 })] : []),
      ...(bridge === undefined ? [] : [this.#machine.request(FrameType.NET_BRIDGE, bridge)]),
      this.#machine.swapImage(0, image),
      this.#machine.qmp('cont'),
    ];
  }

  async exec(process: ProcessSpec): Promise<number> {
    this.#machine.shim.expectExit(process.proc, process.exitPath);
    const fields = processFields(this.#spec, process, GUEST_ROOT).add(Tag.JOIN, this.#spec.init.proc);
    return this.#start(process, fields, 'exec');
  }

  async signal(proc: number, signal: number, all: boolean): Promise<void> {
    await this.#machine.shim.signal(proc, signal, all);
  }

  async resize(proc: number, rows: number, columns: number): Promise<void> {
    await this.#machine.request(FrameType.RESIZE, new FieldsBuilder().add(Tag.ROWS, rows).add(Tag.COLS, columns), proc);
  }

  async pause(paused: boolean): Promise<void> {
    await this.#machine.qmp(paused ? 'stop' : 'cont');
  }

  async exit(proc: number): Promise<ProcessExit> {
    const exit = await this.#machine.shim.exit(proc);
    // The VM's end follows the exits that it caused: the reason comes a moment after them.
    if (exit.exitCode === 137 && exit.reason === '') await this.#machine.shim.settled();
    return { ...exit, reason: exit.reason || this.#machine.shim.reason };
  }

  async releaseProcess(proc: number): Promise<void> {
    if (this.#machine.shim.alive) await this.#machine.request(FrameType.RELEASE, undefined, proc).catch(() => undefined);
  }

  async memory(): Promise<SandboxMemory> {
    const [qemu, shim] = await Promise.all([
      this.#machine.shim.sandboxPid().then(privateMemory),
      this.#machine.shim.pid().then(privateMemory),
    ]);
    return { own: qemu + shim };
  }

  kernel(): Kernel {
    return guestKernel(this.#machine, GUEST_CONTAINER);
  }

  async machineProcesses(): Promise<MachineProcesses> {
    const { memory, microCpus } = this.#spec.limits;
    const { shim } = this.#machine;
    const [qemu, own] = await Promise.all([shim.sandboxPid(), shim.pid()]);
    return { sharedAs: undefined, qemu, shim: own, ...chooseShape(memory, microCpus) };
  }

  files(): Promise<FileAccess> {
    const places = { root: [GUEST_ROOT], upper: `${GUEST_DATA}/upper`, lower: GUEST_IMAGE, scratch: `${GUEST_SCRATCH}-${randomName()}` };
    return Promise.resolve(guestFileAccess(this.#machine, places, this.#spec.files, () => Promise.resolve()));
  }

  /** Memory, processors and processes are the guest's to hold, how the VM as a whole fares on the host is the host's. */
  async update({ cpuShares, cpuset, memoryNodes, memoryReservation, blockWeight, ...inside }: LimitChanges): Promise<void> {
    await updateInGuest(this.kernel(), inside, 'its VM');
    const group = await recordedCgroup(this.#spec);
    if (cpuset !== undefined) await this.#keepTo(group, cpuset);
    await applyLimits(hostKernel(group), {
      ...(inside.microCpus !== undefined && { microCpus: inside.microCpus, cpuPeriod: inside.cpuPeriod ?? HOST_PERIOD }),
      ...(cpuShares !== undefined && { cpuShares }),
      ...(memoryNodes !== undefined && { memoryNodes }),
      ...(memoryReservation !== undefined && { memoryReservation: memoryReservation + QEMU_OVERHEAD }),
      ...(blockWeight !== undefined && { blockWeight }),
    });
  }

  /** QEMU with all its threads to these processors of the host. */
  async #keepTo(group: string, cpuset: string): Promise<void> {
    const joined = await limitCgroup(group, { cpuShares: 0, cpuset, resources: undefined, overhead: 0 });
    const qemu = await this.#machine.shim.sandboxPid();
    for (const directory of joined) await writeFile(join(directory, 'cgroup.procs'), String(qemu));
  }

  async release(options: ReleaseOptions): Promise<void> {
    // A writable layer that is about to be removed needs no orderly end.
    await this.#machine.shutDown(options.keepData ? STOP_MS : 0);
    this.#machine.shim.disconnect();
    await VmSandbox.sweep(this.#spec);
  }

  static async sweep(spec: Pick<ContainerSpec, 'id' | 'runDir'>): Promise<void> {
    // One of the pool is recorded in the same way.
    await removeCgroup(await recordedCgroup(spec));
    await rm(spec.runDir, { recursive: true, force: true });
  }

  async #startInit(prepared: boolean, hostFiles?: VmFiles): Promise<number> {
    const { init } = this.#spec;
    const files = await Promise.all(
      this.#spec.files.map(async ({ source, destination }): Promise<GuestFile> => ({ destination, content: await readFile(source) })),
    );
    const fields = initFields(processFields(this.#spec, init, GUEST_ROOT), this.#spec, files);
    const steps = [
      this.#machine.guest(START_MS),
      this.#machine.identify(undefined, machineId(this.#spec.id)),
      ...this.#configureNetwork(),
      ...(prepared ? [] : [...mountData(this.#machine), ...mountRoot(this.#machine)]),
    ];
    if (this.#spec.mounts.length === 0 || hostFiles === undefined) {
      await settleAll([...steps, this.#start(init, fields, 'create')]);
    } else {
      const shared = hostFiles.add(FILES_NAME, this.#spec.mounts);
      await settleAll([...steps, shared]);
      await this.#start(init, await bindMounts(this.#machine, fields, this.#spec, await shared), 'create');
    }
    return this.#machine.shim.sandboxPid();
  }

  #configureNetwork(): Array<Promise<unknown>> {
    const { network } = this.#spec;
    if (network === undefined) return [];
    const fields = new FieldsBuilder()
      .add(Tag.IFNAME, network.interfaceName)
      .add(Tag.MAC, Buffer.from(network.mac.replaceAll(':', ''), 'hex'))
      .addAll(Tag.ADDRESS, network.addresses)
      .addAll(Tag.GATEWAY, network.gateways)
      .add(Tag.MTU, network.mtu);
    return [this.#machine.request(FrameType.NET_CONFIGURE, fields, 0, START_MS)];
  }

  async #start(process: ProcessSpec, fields: FieldsBuilder, during: 'create' | 'exec'): Promise<number> {
    try {
      const answer = await this.#machine.request(FrameType.START_PROCESS, fields, process.proc, START_MS);
      return answer.number(Tag.PID) ?? 0;
    } catch (error) {
      throw error instanceof AgentError ? startError(error, during) : error;
    }
  }
}

/** The first that failed is the cause of those after it. */
async function settleAll(steps: ReadonlyArray<Promise<unknown>>): Promise<void> {
  const results = await Promise.allSettled(steps);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function machineRequest(boot: 'template' | 'cold', spec: ContainerSpec): Promise<MachineRequest> {
  const { id, rootDir, runDir, limits, network } = spec;
  if (spec.cgroupParent !== undefined) await recordCgroup(spec);
  const [image] = await Promise.all([spec.disk(), mkdir(rootDir, { recursive: true })]);
  const held = hostLimits(spec);
  return {
    name: `abode-${id.slice(0, 12)}`,
    boot,
    shape: chooseShape(limits.memory, limits.microCpus),
    network: network !== undefined,
    tap: network === undefined ? undefined : { name: network.hostInterface, bridge: network.bridge, mtu: network.mtu },
    imageDisks: [image.path],
    dataDisk: join(rootDir, 'data.img'),
    runDir,
    cgroup: cgroupName(spec),
    microCpus: limits.microCpus,
    ...(hasHostLimits(held) ? { hostLimits: held } : {}),
    paused: false,
    prepared: await padImageDisk(image.path),
    files: spec.mounts.length > 0,
  };
}

/** A machine that waits, for a container that starts for the first time and so has no disk yet. */
async function takeFromPool(host: VmHost, spec: ContainerSpec): Promise<PooledMachine | undefined> {
  const dataDisk = join(spec.rootDir, 'data.img');
  // One that waits is in a cgroup already, which has none of these.
  if (spec.cgroupParent !== undefined || hasHostLimits(hostLimits(spec))) return undefined;
  // Its port for files leads nowhere.
  if (spec.mounts.length > 0) return undefined;
  if (host.pool.size === 0 || (await exists(dataDisk)) || !(await padImageDisk((await spec.disk()).path))) return undefined;
  await mkdir(spec.rootDir, { recursive: true });
  return host.pool.take(
    { shape: chooseShape(spec.limits.memory, spec.limits.microCpus), network: spec.network !== undefined },
    spec.runDir,
    dataDisk,
  );
}

function startError(error: AgentError, during: 'create' | 'exec'): Error {
  // Found out before there is a process, whatever the isolation.
  if (/^(unable to find (user|group) |uids and gids must be in range )/.test(error.message)) return invalid(error.message);
  if (error.agentCode === 'not-found') return new StartError('not-found', error.message, during);
  if (error.agentCode === 'not-executable') return new StartError('not-executable', error.message, during);
  if (error.agentCode === 'start' || error.agentCode === 'invalid') return new StartError('other', error.message, during);
  return error;
}

function hostLimits({ limits, resources }: ContainerSpec): HostLimits {
  return { cpuShares: limits.cpuShares, cpuset: limits.cpuset, resources, overhead: QEMU_OVERHEAD };
}

/** Several may look at once. */
function randomName(): string {
  return randomBytes(6).toString('hex');
}

/** The same over restarts of the same container, and told to nobody else. */
export function machineId(id: string): string {
  return createHash('sha256').update(`abode machine-id ${id}`).digest('hex').slice(0, 32);
}
