/** What all VMs of a daemon have in common: the guest, acceleration, templates, disks, users. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../../base/files.ts';
import type { Log } from '../../base/log.ts';
import { createCgroup } from '../cgroup.ts';
import { type HostLimits, limitCgroup } from '../cgroup-limits.ts';
import { type Acceleration, kvmGroups, probeAccelerator } from './accelerator.ts';
import { DataDisks } from './data-disk.ts';
import { type GuestFiles, readGuestFiles } from './guest-files.ts';
import { writePlaceholder } from './image-disk.ts';
import type { Machine } from './machine.ts';
import type { MachinePlan, MachineType, Origin, Tap } from './qemu.ts';
import { memoryCeiling, type Shape } from './shape.ts';
import { Pool, type PooledMachine, type PoolKind } from './pool.ts';
import { Templates } from './template.ts';
import { ensureWarmUpImage, warmUp } from './warm-up.ts';

export interface VmHostOptions {
  readonly root: string;
  readonly runDir: string;
  readonly agentPath: string;
  readonly guestDirectory: string;
  readonly log: Log;
  readonly onProgress: (message: string) => void;
  /** Numbers never used before, for users of their own. */
  readonly nextNumber: () => number;
  /** Paused clones of each kind to keep ready; 0: none. */
  readonly poolSize: number;
}

/** Far from the ranges that systems give to people, services and user namespaces. */
const FIRST_UID = 0x7000_0000;
const UIDS = 0x0f00_0000;

/** A machine for the pool is made in the background of a busy host. */
const WARM_UP_MS = 60_000;

export interface MachineRequest {
  readonly name: string;
  readonly boot: 'template' | 'cold';
  readonly shape: Shape;
  readonly network: boolean;
  readonly tap: Tap | undefined;
  readonly imageDisks: readonly string[];
  /** Made when it is not there: then a template may have prepared its content. */
  readonly dataDisk: string;
  readonly runDir: string;
  readonly cgroup: string;
  readonly microCpus: number;
  /** What the host holds of the VM as a whole; undefined: nothing. */
  readonly hostLimits?: HostLimits;
  readonly paused: boolean;
  /** A VM for one container, which a template can prepare. */
  readonly prepared: boolean;
  /** Directories of the host may be mounted into it. */
  readonly files: boolean;
}

export class VmHost {
  readonly options: VmHostOptions;
  readonly disks: DataDisks;
  readonly pool: Pool;
  #guest: Promise<GuestFiles> | undefined;
  #acceleration: Promise<Acceleration> | undefined;
  #known: Acceleration | undefined;
  #templates: Templates | undefined;
  #opening: Promise<Templates> | undefined;
  #agent: Promise<string> | undefined;

  constructor(options: VmHostOptions) {
    this.options = options;
    this.disks = new DataDisks(join(options.root, 'data-disk.img'));
    const { root, runDir, agentPath, log, poolSize } = options;
    this.pool = new Pool({
      size: poolSize,
      root,
      runDir,
      agentPath,
      log,
      launch: (machine, kind, places) => this.#launchPaused(machine, kind, places),
    });
  }

  /** An empty disk of an image's nominal size, for slots that hold none yet. */
  get placeholderImage(): string {
    return join(this.options.root, 'placeholder-image');
  }

  /** Disks as a container gets them, with nothing of its own on them yet. */
  async emptyDataDisks(): Promise<string[]> {
    const templates = join(this.options.root, 'templates');
    const names = await readdir(templates).catch(() => []);
    return names.map((name) => join(templates, name, 'data'));
  }

  /** Undefined until a VM was asked for the first time. */
  get acceleration(): Acceleration | undefined {
    return this.#known;
  }

  get templateBytes(): number {
    return this.#templates?.bytes ?? 0;
  }

  accelerate(): Promise<Acceleration> {
    this.#acceleration ??= this.#probe().catch((error: unknown) => {
      this.#acceleration = undefined;
      throw error;
    });
    return this.#acceleration;
  }

  /** Starts QEMU for the request; the guest's agent is not waited for. */
  async launch(machine: Machine, request: MachineRequest): Promise<void> {
    await machine.launch(await this.plan(request));
  }

  /** Makes everything that QEMU needs to start. */
  async plan(request: MachineRequest): Promise<MachinePlan> {
    const { accelerator } = await this.accelerate();
    const prepared = request.prepared && request.boot === 'template' && !(await exists(request.dataDisk));
    const type: MachineType = {
      shape: request.shape,
      accelerator,
      network: request.network,
      imageSlots: request.imageDisks.length,
      data: prepared ? 'prepared' : 'unmounted',
    };
    const [origin, cgroups, groups] = await Promise.all([
      this.#origin(type, request),
      this.#limit(request),
      accelerator === 'kvm' ? kvmGroups() : [],
    ]);
    const uid = FIRST_UID + (this.options.nextNumber() % UIDS);
    return {
      name: request.name,
      type,
      origin,
      tap: request.tap,
      dataDisk: request.dataDisk,
      imageDisks: request.imageDisks,
      uid,
      gid: uid,
      groups,
      cgroups,
      consolePath: join(request.runDir, 'console'),
      files: request.files,
    };
  }

  async #limit({ cgroup, shape, microCpus, hostLimits }: MachineRequest): Promise<string[]> {
    const directories = await createCgroup(cgroup, { memory: memoryCeiling(shape), microCpus, pids: 256 });
    return hostLimits === undefined ? directories : [...directories, ...(await limitCgroup(cgroup, hostLimits))];
  }

  async #origin(type: MachineType, request: MachineRequest): Promise<Origin> {
    if (request.boot === 'cold') {
      await this.disks.ensure(request.dataDisk);
      return { kind: 'boot', guest: await this.#guestFiles(), memory: undefined };
    }
    const template = await (await this.#templatesReady()).get(type);
    await template.disks.ensure(request.dataDisk);
    return { kind: 'clone', memory: template.memory, state: template.state, paused: request.paused };
  }

  async #launchPaused(machine: Machine, kind: PoolKind, places: Omit<PooledMachine, 'machine'>): Promise<void> {
    await this.launch(machine, {
      name: 'abode-pool',
      boot: 'template',
      shape: kind.shape,
      network: kind.network,
      tap: kind.network ? { name: places.hostInterface, bridge: undefined, mtu: 1500 } : undefined,
      imageDisks: [this.placeholderImage],
      dataDisk: places.dataDisk,
      runDir: places.runDir,
      cgroup: places.cgroup,
      microCpus: 0,
      // Not paused yet: it warms up first, then it is.
      paused: false,
      prepared: true,
      files: false,
    });
    await machine.guest(WARM_UP_MS);
    const image = await this.#warmUpImage();
    await ensureWarmUpImage(image, this.options.agentPath);
    await warmUp(machine, {
      image,
      placeholder: this.placeholderImage,
      network: kind.network,
      exitPath: join(places.runDir, 'warm-up.exit'),
    });
  }

  async #warmUpImage(): Promise<string> {
    return join(this.options.root, `warm-up-${await this.#agentHash()}.erofs`);
  }

  #agentHash(): Promise<string> {
    this.#agent ??= readFile(this.options.agentPath).then((program) => createHash('sha256').update(program).digest('hex').slice(0, 16));
    return this.#agent;
  }

  /** Makes or loads the template of this type ahead of its first use. */
  async prepare(shape: Shape, network: boolean, imageSlots: number): Promise<void> {
    const { accelerator } = await this.accelerate();
    await (await this.#templatesReady()).get({ shape, accelerator, network, imageSlots, data: 'prepared' });
  }

  /** At start-up: ends and removes what an earlier daemon left of its pool, and of templates that are half made or out of date. */
  async sweep(): Promise<void> {
    await this.pool.sweep();
    if (!(await exists(join(this.options.root, 'templates')))) return;
    await this.#templatesReady();
    const current = await this.#warmUpImage();
    for (const name of await readdir(this.options.root)) {
      const path = join(this.options.root, name);
      if (name.startsWith('warm-up-') && path !== current) await rm(path, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await this.pool.close();
    this.#templates?.close();
  }

  #guestFiles(): Promise<GuestFiles> {
    this.#guest ??= readGuestFiles(this.options.guestDirectory);
    return this.#guest;
  }

  /** Once, and what is stale goes before anything is made. */
  #templatesReady(): Promise<Templates> {
    this.#opening ??= this.#openTemplates().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #openTemplates(): Promise<Templates> {
    const { root, runDir, agentPath, log, onProgress } = this.options;
    const guest = await this.#guestFiles();
    const groups = await kvmGroups();
    const templates = new Templates({
      root: join(root, 'templates'),
      runDir,
      agentPath,
      guest,
      disks: this.disks,
      uid: FIRST_UID + UIDS,
      groups,
      log,
      onProgress,
    });
    await templates.sweep();
    this.#templates = templates;
    return templates;
  }

  async #probe(): Promise<Acceleration> {
    const { root, agentPath, log } = this.options;
    await mkdir(join(root, 'templates'), { recursive: true, mode: 0o700 });
    await writePlaceholder(this.placeholderImage);
    const found = await probeAccelerator({
      guest: await this.#guestFiles(),
      agentPath,
      cache: join(root, 'accelerator.json'),
      uid: FIRST_UID + UIDS,
    });
    log.info({ ...found }, 'acceleration');
    this.#known = found;
    return found;
  }
}
