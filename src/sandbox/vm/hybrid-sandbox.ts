/** A container in a VM that it shares with others: crun in the guest, on the guest's kernel and bridge. */
import { randomBytes } from 'node:crypto';
import { readFile, rm, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { AbodeError } from '../../base/errors.ts';
import { readFileIfThere, writeFileAtomic } from '../../base/files.ts';
import type { Attachment } from '../attachment.ts';
import { ALL_CAPABILITIES } from '../capabilities.ts';
import type { FileAccess } from '../file-access.ts';
import type { Kernel, MachineProcesses } from '../kernel.ts';
import type { LimitChanges } from '../limit-changes.ts';
import { composeProcess, composeSpec, type OciProcess, specJson } from '../oci/spec.ts';
import { overlayOptions } from '../overlay.ts';
import { stdioFields } from '../process-fields.ts';
import type { ContainerSpec, ProcessExit, ProcessSpec, ReleaseOptions, Sandbox, SandboxMemory, Streams } from '../sandbox.ts';
import { classifyRuntimeError } from '../start-error.ts';
import { guestFileAccess } from './guest-file-access.ts';
import { guestKernel } from './guest-kernel.ts';
import { GUEST_DATA, GUEST_SCRATCH } from './guest-paths.ts';
import { updateInGuest } from './update-in-guest.ts';
import { GUEST_BRIDGE, type SharedVm, type SharedVms } from './shared-vms.ts';

const REQUEST_MS = 120_000;
const MNT_DETACH = 2;
const CRUN = '/usr/bin/crun';
/** In the run directory: the image's slot in the VM, and the agent's number of the init. */
const PLACE = 'slot';
/** A start under way in the guest comes to its end first. */
const SWEEP_MS = 20_000;
const SIGKILL = 9;

export class HybridSandbox implements Sandbox {
  readonly #vms: SharedVms;
  readonly #vm: SharedVm;
  readonly #spec: ContainerSpec;

  private constructor(vms: SharedVms, vm: SharedVm, spec: ContainerSpec) {
    this.#vms = vms;
    this.#vm = vm;
    this.#spec = spec;
  }

  static async prepare(vms: SharedVms, name: string, spec: ContainerSpec): Promise<HybridSandbox> {
    const [vm] = await Promise.all([vms.obtain(name), mkdir(spec.runDir, { recursive: true, mode: 0o711 })]);
    return new HybridSandbox(vms, vm, spec);
  }

  static async adopt(vms: SharedVms, name: string, spec: ContainerSpec): Promise<HybridSandbox | undefined> {
    const vm = vms.running(name);
    const place = await readPlace(spec.runDir);
    if (vm === undefined || place === undefined) return undefined;
    vm.adoptImage((await spec.disk()).path, spec.id, place.slot);
    const sandbox = new HybridSandbox(vms, vm, spec);
    vm.machine.shim.expectExit(spec.init.proc, spec.init.exitPath);
    await vm.machine.shim.refresh();
    return sandbox;
  }

  attach(proc: number, streams: Streams, tty: boolean): Promise<Attachment> {
    return this.#vm.machine.shim.attach(proc, streams, tty);
  }

  async start(): Promise<number> {
    const { init } = this.#spec;
    this.#vm.machine.shim.expectExit(init.proc, init.exitPath);
    const process = await this.#prepareBundle();
    const args = [CRUN, '--cgroup-manager=cgroupfs', 'run', '--bundle', this.#bundle, ...this.#common(init, 'init'), this.#spec.id];
    return this.#launch(init, 'init', args, process.args, (fields) =>
      fields.addAll(Tag.CLEANUP_ARG, [CRUN, '--cgroup-manager=cgroupfs', 'delete', '--force', this.#spec.id]),
    );
  }

  async exec(process: ProcessSpec): Promise<number> {
    this.#vm.machine.shim.expectExit(process.proc, process.exitPath);
    const name = `exec-${String(process.proc)}`;
    const composed = await this.#composeProcess(process);
    const path = `${this.#bundle}/${name}.json`;
    await this.#write(path, specJson(composed));
    const args = [CRUN, '--cgroup-manager=cgroupfs', 'exec', '--process', path, ...this.#common(process, name), this.#spec.id];
    return this.#launch(process, name, args, process.args, (fields) => fields.add(Tag.JOIN, this.#spec.init.proc));
  }

  async signal(proc: number, signal: number, all: boolean): Promise<void> {
    await this.#vm.machine.shim.signal(proc, signal, all, REQUEST_MS);
  }

  async resize(proc: number, rows: number, columns: number): Promise<void> {
    await this.#request(FrameType.RESIZE, new FieldsBuilder().add(Tag.ROWS, rows).add(Tag.COLS, columns), proc);
  }

  async pause(paused: boolean): Promise<void> {
    await this.#write(`/sys/fs/cgroup/abode/${this.#spec.id}/cgroup.freeze`, paused ? '1' : '0');
  }

  async exit(proc: number): Promise<ProcessExit> {
    const { shim } = this.#vm.machine;
    const exit = await shim.exit(proc);
    if (exit.exitCode === 137 && exit.reason === '') await shim.settled();
    return { ...exit, reason: exit.reason || shim.reason };
  }

  async releaseProcess(proc: number): Promise<void> {
    await this.#request(FrameType.RELEASE, undefined, proc).catch(() => undefined);
  }

  async memory(): Promise<SandboxMemory> {
    return { own: await this.#vms.memory(this.#vm.record.name) };
  }

  kernel(): Kernel {
    return guestKernel(this.#vm.machine, this.#spec.id);
  }

  async machineProcesses(): Promise<MachineProcesses> {
    const { name, memory, cpus } = this.#vm.record;
    const { shim } = this.#vm.machine;
    const [qemu, own] = await Promise.all([shim.sandboxPid(), shim.pid()]);
    return { sharedAs: name, qemu, shim: own, memory, cpus };
  }

  async files(): Promise<FileAccess> {
    const image = (await this.#spec.disk()).path;
    const lower = await this.#vm.mountImage(image, this.#spec.id);
    const places = { root: [this.#rootfs], ...layerPlaces(this.#spec.id, lower) };
    return guestFileAccess(this.#vm.machine, places, this.#spec.files, () => Promise.resolve());
  }

  /** Of a container that does not run; the caller keeps it from starting. The VM is started when it is not there. */
  static async openFiles(vms: SharedVms, name: string, spec: ContainerSpec): Promise<FileAccess> {
    const vm = await vms.obtain(name);
    const { machine } = vm;
    const user = `files ${spec.id}`;
    const lower = await vm.mountImage((await spec.disk()).path, user);
    const places = layerPlaces(spec.id, lower);
    const root = `${places.scratch}-root`;
    const release = async (): Promise<void> => {
      await machine.request(FrameType.REMOVE, new FieldsBuilder().add(Tag.PATH, root), 0, REQUEST_MS).catch(() => undefined);
      vm.leaveImages(user);
    };
    const work = `${GUEST_DATA}/${spec.id}/work`;
    try {
      await Promise.all(
        [places.upper, work, root].map((path, index) =>
          machine.request(FrameType.MKDIR, new FieldsBuilder().add(Tag.PATH, path).add(Tag.MODE, index === 1 ? 0o700 : 0o755)),
        ),
      );
    } catch (error) {
      await release();
      throw error;
    }
    const options = overlayOptions([lower], places.upper, work);
    return guestFileAccess(machine, { ...places, root: ['--overlay', root, options, root] }, spec.files, release);
  }

  update(changes: LimitChanges): Promise<void> {
    return updateInGuest(this.kernel(), changes, `the VM ${this.#vm.record.name}`);
  }

  async release(_options: ReleaseOptions): Promise<void> {
    const { machine } = this.#vm;
    if (machine.shim.alive) {
      await this.releaseProcess(this.#spec.init.proc);
      await clearGuest(machine, this.#spec.id);
      await this.#vm.files.remove(filesName(this.#spec.id));
    }
    this.#vm.leaveImages(this.#spec.id);
    await rm(this.#spec.runDir, { recursive: true, force: true });
  }

  /** Removes what a start left that its daemon did not see the end of: in the guest, which goes on, and on the host. */
  static async sweep(vms: SharedVms, name: string, spec: Pick<ContainerSpec, 'id' | 'runDir'>): Promise<void> {
    const machine = vms.running(name)?.machine;
    const place = await readPlace(spec.runDir);
    if (machine !== undefined && place !== undefined) {
      await endProcess(machine, place.proc);
      await clearGuest(machine, spec.id);
      await vms.running(name)?.files.remove(filesName(spec.id));
    }
    await rm(spec.runDir, { recursive: true, force: true });
  }

  get #bundle(): string {
    return bundleOf(this.#spec.id);
  }

  get #rootfs(): string {
    return `${this.#bundle}/rootfs`;
  }

  get #netns(): string {
    return netnsOf(this.#spec.id);
  }

  #common(process: ProcessSpec, name: string): string[] {
    return ['--detach', '--pid-file', `${this.#bundle}/${name}.pid`, ...(process.tty ? ['--console-socket', this.#console(name)] : [])];
  }

  /** Short: a unix socket's path has at most 107 bytes. */
  #console(name: string): string {
    return `/run/abode/${this.#spec.id.slice(0, 24)}-${name}.tty`;
  }

  #request(type: FrameType, fields?: FieldsBuilder, proc = 0): ReturnType<SharedVm['machine']['request']> {
    return this.#vm.machine.request(type, fields, proc, REQUEST_MS);
  }

  #write(path: string, content: string | Buffer): Promise<unknown> {
    const fields = new FieldsBuilder().add(Tag.PATH, path).add(Tag.MODE, 0o644).add(Tag.CONTENT, Buffer.from(content));
    return this.#request(FrameType.WRITE_FILE, fields);
  }

  async #prepareBundle(): Promise<OciProcess> {
    const spec = this.#spec;
    const image = (await spec.disk()).path;
    const lower = await this.#vm.mountImage(image, spec.id);
    await writeFileAtomic(join(spec.runDir, PLACE), `${String(this.#vm.slotOf(image))} ${String(spec.init.proc)}`);
    const data = `${GUEST_DATA}/${spec.id}`;
    const mkdirs = [`${data}/upper`, `${data}/work`].map((path, index) =>
      this.#request(FrameType.MKDIR, new FieldsBuilder().add(Tag.PATH, path).add(Tag.MODE, index === 0 ? 0o755 : 0o700)),
    );
    const mount = {
      source: 'overlay',
      target: this.#rootfs,
      type: 'overlay',
      noatime: true,
      data: overlayOptions([lower], `${data}/upper`, `${data}/work`),
    };
    const [contents, shared] = await Promise.all([
      Promise.all(spec.files.map((file) => readFile(file.source))),
      this.#vm.files.add(filesName(spec.id), spec.mounts),
    ]);
    const sources = new Map(spec.files.map((file, index) => [file.source, `${this.#bundle}/files/${String(index)}`]));
    const [process] = await Promise.all([
      Promise.all([...mkdirs, this.#vm.machine.mount(mount)]).then(() => this.#composeProcess(spec.init)),
      this.#setUpNetwork(),
      this.#mountShm(),
      ...spec.files.map((file, index) => this.#write(sources.get(file.source) ?? '', contents[index] ?? '')),
    ]);
    const init: OciProcess = spec.runInit ? { ...process, args: ['/sbin/docker-init', 'init', '--', ...process.args] } : process;
    const config = composeSpec(spec, init, {
      rootfs: this.#rootfs,
      netns: `/run/netns/${this.#netns}`,
      cgroupsPath: `/abode/${spec.id}`,
      cgroupVersion: '2',
      ceilings: new Map(),
      shm: this.#shm,
      fileSource: (source) => (source === 'init' ? '/init' : (sources.get(source) ?? source)),
      mountSource: (given) => shared.get(given) ?? given.source,
    });
    await this.#write(`${this.#bundle}/config.json`, specJson(config));
    return process;
  }

  async #composeProcess(process: ProcessSpec): Promise<OciProcess> {
    const fields = new FieldsBuilder().add(Tag.ROOT, this.#rootfs).add(Tag.USER, process.user).addAll(Tag.GROUP_ADD, process.groupAdd);
    const answer = await this.#request(FrameType.RESOLVE_USER, fields);
    const user = {
      uid: answer.number(Tag.UID) ?? 0,
      gid: answer.number(Tag.GID) ?? 0,
      groups: answer.numbers(Tag.GROUP),
      home: answer.string(Tag.HOME) ?? '/',
    };
    return composeProcess(this.#spec, process, user, new Map(), ALL_CAPABILITIES);
  }

  /** A /dev/shm that others can join is mounted outside of the container. */
  async #mountShm(): Promise<void> {
    if (this.#spec.sharing?.shm?.kind !== 'shareable') return;
    const data = `mode=1777,size=${String(this.#spec.shmSize)}`;
    await this.#vm.machine.mount({ source: 'shm', target: shmOf(this.#spec.id), type: 'tmpfs', data });
  }

  get #shm(): string | undefined {
    const shm = this.#spec.sharing?.shm;
    if (shm?.kind === 'shareable') return shmOf(this.#spec.id);
    return shm?.kind === 'join' ? shmOf(shm.id) : undefined;
  }

  async #setUpNetwork(): Promise<void> {
    const { network, sharing } = this.#spec;
    if (sharing?.network !== undefined) return;
    const fields = new FieldsBuilder().add(Tag.NETNS, this.#netns);
    if (network === undefined) {
      await this.#request(FrameType.NET_LOOPBACK, fields);
      return;
    }
    fields
      .add(Tag.HOST_IF, network.hostInterface)
      .add(Tag.IFNAME, network.interfaceName)
      .add(Tag.MAC, Buffer.from(network.mac.replaceAll(':', ''), 'hex'))
      .addAll(Tag.ADDRESS, network.addresses)
      .addAll(Tag.GATEWAY, network.gateways)
      .add(Tag.BRIDGE, GUEST_BRIDGE)
      .add(Tag.MTU, network.mtu);
    await this.#request(FrameType.NET_VETH, fields);
  }

  async #launch(
    process: ProcessSpec,
    name: string,
    args: readonly string[],
    command: readonly string[],
    more: (fields: FieldsBuilder) => void,
  ): Promise<number> {
    const fields = stdioFields(process)
      .addAll(Tag.ARG, args)
      .add(Tag.CONTAINER, this.#spec.id)
      .add(Tag.PID_FILE, `${this.#bundle}/${name}.pid`)
      .add(Tag.CGROUP, `/sys/fs/cgroup/abode/${this.#spec.id}`)
      .add(Tag.CONSOLE_SOCKET, process.tty ? this.#console(name) : undefined);
    more(fields);
    try {
      const answer = await this.#request(FrameType.START_RUNTIME, fields, process.proc);
      return answer.number(Tag.PID) ?? 0;
    } catch (error) {
      if (error instanceof AgentError && error.agentCode === 'runtime')
        throw classifyRuntimeError(error.message, command[0] ?? '', process === this.#spec.init ? 'create' : 'exec');
      if (error instanceof AgentError && error.agentCode === 'gone')
        throw new AbodeError('unavailable', `the VM ${this.#vm.record.name} ended: ${this.#vm.machine.shim.reason}`, { cause: error });
      throw error;
    }
  }
}

function bundleOf(id: string): string {
  return `/run/abode/bundles/${id}`;
}

function shmOf(id: string): string {
  return `${bundleOf(id)}/shm`;
}

function layerPlaces(id: string, lower: string): { upper: string; lower: string; scratch: string } {
  return { upper: `${GUEST_DATA}/${id}/upper`, lower, scratch: `${GUEST_SCRATCH}-${randomBytes(6).toString('hex')}` };
}

function filesName(id: string): string {
  return id.slice(0, 24);
}

function netnsOf(id: string): string {
  return id.slice(0, 24);
}

async function readPlace(runDir: string): Promise<{ slot: number; proc: number } | undefined> {
  const text = await readFileIfThere(join(runDir, PLACE));
  const [slot, proc] = text?.split(' ').map(Number) ?? [];
  return slot === undefined || proc === undefined ? undefined : { slot, proc };
}

/** What a container that ended has in the guest, but its writable layer. */
async function clearGuest(machine: SharedVm['machine'], id: string): Promise<void> {
  await Promise.allSettled([
    machine.request(
      FrameType.UMOUNT,
      new FieldsBuilder().add(Tag.TARGET, `${bundleOf(id)}/rootfs`).add(Tag.FLAGS, MNT_DETACH),
      0,
      REQUEST_MS,
    ),
    machine.request(FrameType.UMOUNT, new FieldsBuilder().add(Tag.TARGET, shmOf(id)).add(Tag.FLAGS, MNT_DETACH), 0, REQUEST_MS),
    machine.request(FrameType.NET_DELETE, new FieldsBuilder().add(Tag.NETNS, netnsOf(id)), 0, REQUEST_MS),
    machine.request(FrameType.REMOVE, new FieldsBuilder().add(Tag.PATH, bundleOf(id)), 0, REQUEST_MS),
  ]);
}

async function endProcess(machine: SharedVm['machine'], proc: number): Promise<void> {
  const end = Date.now() + SWEEP_MS;
  while (machine.shim.alive && (await machine.shim.refresh()).has(proc)) {
    if (Date.now() > end)
      throw new AbodeError('unavailable', `process ${String(proc)} in the VM did not end within ${String(SWEEP_MS)} ms`);
    await machine.request(FrameType.SIGNAL, new FieldsBuilder().add(Tag.SIGNAL, SIGKILL), proc, REQUEST_MS).catch(() => undefined);
    const released = await machine.request(FrameType.RELEASE, undefined, proc, REQUEST_MS).then(
      () => true,
      () => false,
    );
    if (!released) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
