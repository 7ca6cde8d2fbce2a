/** VMs that containers share: made on first use or by name, found again after the daemon's restart, their images on slots of their own. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { conflict, notFound } from '../../base/errors.ts';
import { Exclusive } from '../../base/exclusive.ts';
import { readFileIfThere, writeFileAtomic } from '../../base/files.ts';
import { removeCgroup } from '../cgroup.ts';
import type { MachineProcesses } from '../kernel.ts';
import { privateMemory } from '../process-memory.ts';
import { endShim, Shim } from '../shim.ts';
import { padImageDisk } from './image-disk.ts';
import { Machine } from './machine.ts';
import { VmFiles } from './files.ts';
import { GUEST_DATA } from './guest-paths.ts';
import type { Shape } from './shape.ts';
import type { VmHost } from './vm-host.ts';
import { machineId } from './vm-sandbox.ts';

/** What must outlast the daemon; kept by whoever owns the database. */
export interface SharedVmRecord {
  readonly name: string;
  readonly id: string;
  readonly cpus: number;
  readonly memory: number; // bytes
  readonly createdAt: string;
  readonly hostInterface: string;
}

export interface SharedVmStore {
  find(name: string): SharedVmRecord | undefined;
  all(): SharedVmRecord[];
  insert(name: string, shape: { cpus?: number; memory?: number }): SharedVmRecord;
  delete(name: string): void;
}

export interface SharedVmOptions {
  readonly host: VmHost;
  readonly store: SharedVmStore;
  readonly bridge: string;
  readonly mtu: number;
  readonly onState: (record: SharedVmRecord, state: 'start' | 'stop', reason: string) => void;
}

/** Images in use at once in one VM: each slot is a device that the template has. */
const SLOTS = 8;
const START_MS = 120_000;
const STOP_MS = 10_000;
/** What a slot holds that a former daemon filled and no container uses: no image has this path. */
const UNKNOWN = '';

/** In the VM's run directory: it was set up to its end. */
const READY = 'ready';

export const GUEST_BRIDGE = 'br0';
const IMAGES = '/run/abode/images';

/** A running shared VM. */
export class SharedVm {
  readonly record: SharedVmRecord;
  readonly machine: Machine;
  readonly files: VmFiles;
  /** Slot number to image path; undefined: never filled. */
  readonly #slots: Array<{ path: string; users: Set<string> } | undefined> = Array.from({ length: SLOTS }, () => undefined);
  readonly #exclusive = new Exclusive();

  constructor(record: SharedVmRecord, machine: Machine, files: VmFiles) {
    this.record = record;
    this.machine = machine;
    this.files = files;
  }

  /** Of a VM that a former daemon filled: what its slots hold is known for those in use only (`adoptImage`). */
  static adopt(record: SharedVmRecord, machine: Machine, files: VmFiles): SharedVm {
    const vm = new SharedVm(record, machine, files);
    for (let slot = 0; slot < SLOTS; slot += 1) vm.#slots[slot] = { path: UNKNOWN, users: new Set() };
    return vm;
  }

  /** The guest's path of an image's root filesystem; kept mounted while containers use it, and as long as its slot is not needed. */
  async mountImage(path: string, container: string): Promise<string> {
    return this.#exclusive.run('slots', async () => {
      const known = this.#slots.findIndex((slot) => slot?.path === path);
      if (known >= 0) {
        this.#slots[known]?.users.add(container);
        return guestImage(known);
      }
      const free = this.#freeSlot();
      await this.#fill(free, path);
      this.#slots[free] = { path, users: new Set([container]) };
      return guestImage(free);
    });
  }

  /** After the daemon's restart: what is mounted is told by those who use it. */
  adoptImage(path: string, container: string, slot: number): void {
    const held = this.#slots[slot];
    if (held?.path === path) held.users.add(container);
    else this.#slots[slot] = { path, users: new Set([container]) };
  }

  slotOf(path: string): number {
    return this.#slots.findIndex((slot) => slot?.path === path);
  }

  leaveImages(container: string): void {
    for (const slot of this.#slots) slot?.users.delete(container);
  }

  #freeSlot(): number {
    const empty = this.#slots.findIndex((slot) => slot === undefined);
    const unused = empty >= 0 ? empty : this.#slots.findIndex((slot) => slot?.users.size === 0);
    if (unused < 0)
      throw conflict(
        `the VM ${this.record.name} runs containers of ${String(SLOTS)} images already, which is the most: use another VM for this image`,
      );
    return unused;
  }

  /** Puts the image's file behind the slot's device, which the guest has not opened, and mounts it there. */
  async #fill(slot: number, path: string): Promise<void> {
    const target = guestImage(slot);
    const { machine } = this;
    // Nothing there is fine: what a slot holds may not be known.
    if (this.#slots[slot] !== undefined)
      await machine.request(FrameType.UMOUNT, new FieldsBuilder().add(Tag.TARGET, target).add(Tag.FLAGS, 0));
    await padImageDisk(path);
    await machine.swapImage(slot, path);
    // vda is the data disk, the images' slots follow it.
    const device = `/dev/vd${String.fromCharCode('b'.charCodeAt(0) + slot)}`;
    await machine.mount({ source: device, target, type: 'erofs', readonly: true });
  }
}

function guestImage(slot: number): string {
  return `${IMAGES}/${String(slot)}`;
}

export class SharedVms {
  readonly options: SharedVmOptions;
  readonly #running = new Map<string, SharedVm>();
  readonly #exclusive = new Exclusive();

  constructor(options: SharedVmOptions) {
    this.options = options;
  }

  /** The VM of this name, running: made and started when it is not. */
  obtain(name: string): Promise<SharedVm> {
    return this.#exclusive.run(name, async () => {
      const running = this.running(name);
      if (running !== undefined) return running;
      return this.#start(this.options.store.find(name) ?? this.options.store.insert(name, {}));
    });
  }

  create(name: string, shape: { cpus?: number; memory?: number }): Promise<SharedVm> {
    return this.#exclusive.run(name, async () => {
      if (this.options.store.find(name) !== undefined)
        throw conflict(`Conflict. The VM name "${name}" is already in use. You have to remove that VM to be able to reuse that name.`);
      const record = this.options.store.insert(name, shape);
      try {
        return await this.#start(record);
      } catch (error) {
        await this.#discard(record);
        throw error;
      }
    });
  }

  running(name: string): SharedVm | undefined {
    const vm = this.#running.get(name);
    return vm?.machine.shim.alive === true ? vm : undefined;
  }

  /** Ends the VM and removes its disk. Whether containers may be in it is the caller's to know. */
  remove(name: string): Promise<void> {
    return this.#exclusive.run(name, async () => {
      const record = this.options.store.find(name);
      if (record === undefined) throw notFound(`No such VM: ${name}`);
      await this.running(name)?.machine.shutDown(0);
      this.#running.delete(name);
      await this.#discard(record);
    });
  }

  /** Finds the VMs again that a former daemon started. */
  async adoptAll(): Promise<void> {
    await Promise.all(
      this.options.store.all().map(async (record) => {
        const runDir = this.#runDir(record);
        // One whose start was cut short has no identity and no disk: it is nobody's yet.
        if ((await readFileIfThere(join(runDir, READY))) === undefined) await endShim(runDir);
        const shim = await Shim.find(runDir);
        if (shim === undefined) {
          await this.#sweep(record);
          return;
        }
        await shim.refresh();
        const machine = new Machine(shim);
        this.#keep(SharedVm.adopt(record, machine, this.#files(record, machine)));
      }),
    );
  }

  /** A container is removed for good: its writable layer in the VM goes. */
  async forget(name: string, container: string): Promise<void> {
    const vm = this.running(name);
    if (vm === undefined) return;
    await vm.machine.request(FrameType.REMOVE, new FieldsBuilder().add(Tag.PATH, `${GUEST_DATA}/${container}`), 0, START_MS);
  }

  /** Of all that run, whether there is a container in them or not. */
  async processes(): Promise<Array<{ name: string; id: string; hostInterface: string; processes: MachineProcesses }>> {
    const found = await Promise.allSettled(
      [...this.#running.values()].map(async ({ record, machine: { shim } }) => {
        const { name, id, hostInterface, memory, cpus } = record;
        const [qemu, own] = await Promise.all([shim.sandboxPid(), shim.pid()]);
        return { name, id, hostInterface, processes: { sharedAs: name, qemu, shim: own, memory, cpus } };
      }),
    );
    // One that ended while it was asked is none.
    return found.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  async memory(name: string): Promise<number> {
    const shim = this.running(name)?.machine.shim;
    if (shim === undefined) return 0;
    const parts = await Promise.all([shim.sandboxPid().then(privateMemory), shim.pid().then(privateMemory)]);
    return parts[0] + parts[1];
  }

  async #start(record: SharedVmRecord): Promise<SharedVm> {
    const { host, bridge, mtu } = this.options;
    const runDir = this.#runDir(record);
    const rootDir = this.#rootDir(record);
    await rm(runDir, { recursive: true, force: true });
    await mkdir(rootDir, { recursive: true, mode: 0o700 });
    const dataDisk = join(rootDir, 'data.img');
    const machine = new Machine(await Shim.spawn(host.options.agentPath, runDir));
    try {
      await host.launch(machine, {
        name: `abode-vm-${record.name}`,
        boot: 'template',
        shape: shapeOf(record),
        network: true,
        tap: { name: record.hostInterface, bridge, mtu },
        imageDisks: Array.from({ length: SLOTS }, () => host.placeholderImage),
        dataDisk,
        runDir,
        cgroup: cgroupName(record),
        microCpus: record.cpus * 1_000_000,
        paused: false,
        prepared: false,
        files: true,
      });
      await this.#setUp(record, machine);
      await writeFileAtomic(join(runDir, READY), '');
    } catch (error) {
      await machine.shutDown(0);
      await this.#sweep(record);
      throw error;
    }
    const vm = new SharedVm(record, machine, this.#files(record, machine));
    this.#keep(vm);
    this.options.onState(record, 'start', '');
    return vm;
  }

  async #setUp(record: SharedVmRecord, machine: Machine): Promise<void> {
    const bridge = new FieldsBuilder().add(Tag.BRIDGE, GUEST_BRIDGE).add(Tag.IFNAME, 'eth0').add(Tag.MTU, this.options.mtu);
    await Promise.all([
      machine.guest(START_MS),
      machine.identify(record.name, machineId(record.id)),
      machine.mount({ source: '/dev/vda', target: GUEST_DATA, type: 'ext4', noatime: true, data: 'noinit_itable' }),
      machine.request(FrameType.NET_BRIDGE, bridge, 0, START_MS),
    ]);
  }

  #keep(vm: SharedVm): void {
    const { record, machine } = vm;
    this.#running.set(record.name, vm);
    machine.shim.onEnd((reason) => {
      if (this.#running.get(record.name) === vm) this.#running.delete(record.name);
      this.options.onState(record, 'stop', reason);
      void this.#sweep(record).catch(() => undefined);
    });
  }

  async #discard(record: SharedVmRecord): Promise<void> {
    await this.#sweep(record);
    await rm(this.#rootDir(record), { recursive: true, force: true });
    this.options.store.delete(record.name);
  }

  async #sweep(record: SharedVmRecord): Promise<void> {
    await removeCgroup(cgroupName(record));
    await rm(this.#runDir(record), { recursive: true, force: true });
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.values()].map((vm) => vm.machine.shutDown(STOP_MS)));
  }

  #files(record: SharedVmRecord, machine: Machine): VmFiles {
    return new VmFiles(machine, this.options.host.options.agentPath, this.#runDir(record), cgroupName(record));
  }

  #runDir(record: SharedVmRecord): string {
    return join(this.options.host.options.runDir, 'v', record.id.slice(0, 24));
  }

  #rootDir(record: SharedVmRecord): string {
    return join(this.options.host.options.root, 'shared', record.id);
  }
}

function cgroupName(record: SharedVmRecord): string {
  return `abode/${record.id}`;
}

function shapeOf(record: SharedVmRecord): Shape {
  return { memory: record.memory, cpus: record.cpus };
}
