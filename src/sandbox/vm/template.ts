/**
 * Templates: a machine booted once to its agent's "ready", its RAM and device state kept, and every VM made from it copy-on-write. A
 * template is known by a hash of all that went into it, so that a change of any of it makes another one.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { closeSync, constants } from 'node:fs';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { AbodeError, messageOf } from '../../base/errors.ts';
import { readFileIfThere, writeFileAtomic } from '../../base/files.ts';
import type { Log } from '../../base/log.ts';
import { run } from '../../base/process.ts';
import { Shim } from '../shim.ts';
import { DataDisks } from './data-disk.ts';
import { writePlaceholder } from './image-disk.ts';
import { mountData, prepareContainer, prepareFields } from './prepare.ts';
import type { GuestFiles } from './guest-files.ts';
import { Machine } from './machine.ts';
import { IGNORE_SHARED, type MachinePlan, type MachineType, QEMU, vmStartFields } from './qemu.ts';
import { TemplateMemory } from './template-memory.ts';

/** What a clone is made from. */
export interface Template {
  /** Of the moment: to be opened within half a minute. */
  readonly memory: string;
  readonly state: string;
  /** The writable disk as the template's guest knows it; clones get copies. */
  readonly disks: DataDisks;
}

export interface TemplateOptions {
  /** Templates on the disk. */
  readonly root: string;
  readonly runDir: string;
  readonly agentPath: string;
  readonly guest: GuestFiles;
  /** Empty disks to boot with. */
  readonly disks: DataDisks;
  readonly uid: number;
  readonly groups: readonly number[];
  readonly log: Log;
  readonly onProgress: (message: string) => void;
}

/** A boot takes seconds under software emulation; a busy machine gets more. */
const BOOT_MS = 120_000;
const MIGRATE_MS = 60_000;
const TRIM_MS = 20_000;
const RETIRE_MS = 60_000;
const { O_CREAT, O_TRUNC, O_WRONLY } = constants;

const Meta = Type.Object({ origin: Type.String(), memoryHash: Type.String(), stateHash: Type.String(), size: Type.Integer() });

export class Templates {
  readonly #options: TemplateOptions;
  readonly #ready = new Map<string, Promise<Template>>();
  readonly #memories = new Map<string, TemplateMemory>();
  readonly #former = new Set<TemplateMemory>();
  readonly #trimming: NodeJS.Timeout;

  constructor(options: TemplateOptions) {
    this.#options = options;
    this.#trimming = setInterval(() => {
      void this.#trim();
    }, TRIM_MS).unref();
  }

  /** Bytes of host memory that loaded templates hold. */
  get bytes(): number {
    return [...this.#memories.values(), ...this.#former].reduce((sum, memory) => sum + memory.bytes, 0);
  }

  /** Loads it, or boots and saves it; callers of the same type wait for one another. */
  async get(type: MachineType): Promise<Template> {
    const key = await this.#key(type);
    let template = this.#ready.get(key);
    if (template === undefined) {
      template = this.#obtain(key, type);
      this.#ready.set(key, template);
      template.catch(() => {
        this.#ready.delete(key);
      });
    }
    return template;
  }

  /** Removes what an earlier daemon left half made, and templates of a guest or a QEMU that are no longer the ones in use. */
  async sweep(): Promise<void> {
    const { root, runDir, guest } = this.#options;
    await rm(join(runDir, 't'), { recursive: true, force: true });
    const origin = await originOf(guest);
    for (const name of await readdir(root)) {
      const meta = await readMeta(join(root, name)).catch(() => undefined);
      if (name.endsWith('.tmp') || meta?.origin !== origin) await rm(join(root, name), { recursive: true, force: true });
    }
  }

  async #obtain(key: string, type: MachineType): Promise<Template> {
    const directory = join(this.#options.root, key);
    const loaded = await this.#load(directory).catch((error: unknown) => {
      this.#options.log.warn({ template: key, error: messageOf(error) }, 'the saved template cannot be used, it is made again');
      return undefined;
    });
    return loaded ?? this.#build(directory, key, type);
  }

  async #load(directory: string): Promise<Template | undefined> {
    const meta = await readMeta(directory);
    if (meta === undefined) return undefined;
    const state = join(directory, 'state');
    const stateHash = await hashFile(state);
    if (stateHash !== meta.stateHash) throw new AbodeError('internal', `${state} is not what was saved`);
    return this.#keep(await TemplateMemory.load(join(directory, 'memory'), meta.size, meta.memoryHash), directory);
  }

  #keep(memory: TemplateMemory, directory: string): Template {
    const memories = this.#memories;
    memories.set(directory, memory);
    return {
      get memory() {
        return (memories.get(directory) ?? memory).path;
      },
      state: join(directory, 'state'),
      disks: new DataDisks(join(directory, 'data')),
    };
  }

  /**
   * A clone's first touch of a page that the template has not allocates it in the template's file too (a private mapping of shared memory
   * is filled from there), and a sealed file gives nothing back: so a grown one makes way for a copy, and goes with its last clone.
   */
  async #trim(): Promise<void> {
    for (const [directory, memory] of this.#memories) {
      if (!memory.isGrown) continue;
      try {
        const trimmed = await memory.trimmed();
        if (this.#memories.get(directory) !== memory) {
          trimmed.close();
          continue;
        }
        this.#memories.set(directory, trimmed);
        this.#retire(memory);
      } catch (error) {
        this.#options.log.warn({ error: messageOf(error) }, 'a template could not be trimmed');
      }
    }
  }

  /** Not closed at once: a machine may be about to open it. */
  #retire(memory: TemplateMemory): void {
    this.#former.add(memory);
    setTimeout(() => {
      if (this.#former.delete(memory)) memory.close();
    }, RETIRE_MS).unref();
  }

  async #build(directory: string, key: string, type: MachineType): Promise<Template> {
    const { log, onProgress, root } = this.#options;
    const started = performance.now();
    onProgress(`making the VM template ${key.slice(0, 12)} (first use: the guest boots once, under ${type.accelerator})`);
    const work = join(root, `${key}.tmp`);
    await rm(work, { recursive: true, force: true });
    await mkdir(work, { recursive: true, mode: 0o700 });
    const { fd, path } = TemplateMemory.create(type.shape.memory);
    let memory: TemplateMemory;
    try {
      await this.#boot(work, key, type, path);
      memory = TemplateMemory.seal(fd);
    } catch (error) {
      closeSync(fd);
      await rm(work, { recursive: true, force: true });
      throw error;
    }
    const memoryHash = await memory.save(join(work, 'memory'), type.shape.memory);
    const stateHash = await hashFile(join(work, 'state'));
    await writeFileAtomic(
      join(work, 'meta.json'),
      JSON.stringify({ origin: await originOf(this.#options.guest), memoryHash, stateHash, size: type.shape.memory }),
    );
    await rm(directory, { recursive: true, force: true });
    await rename(work, directory);
    const milliseconds = Math.round(performance.now() - started);
    log.info({ template: key, milliseconds, bytes: memory.bytes }, 'template made');
    onProgress(`the VM template is ready after ${(milliseconds / 1000).toFixed(1)} s`);
    return this.#keep(memory, directory);
  }

  /** Boots to "ready", stops, saves the device state; the RAM is what the memory file holds then. */
  async #boot(work: string, key: string, type: MachineType, memory: string): Promise<void> {
    const { agentPath, runDir, guest, uid, groups } = this.#options;
    const data = join(work, 'data');
    const image = join(work, 'placeholder-image');
    await Promise.all([this.#options.disks.ensure(data), writePlaceholder(image)]);
    const shimDir = join(runDir, 't', key.slice(0, 16));
    const shim = await Shim.spawn(agentPath, shimDir, { ephemeral: true });
    const machine = new Machine(shim);
    try {
      const plan: MachinePlan = {
        name: 'abode-template',
        type,
        origin: { kind: 'boot', guest, memory },
        tap: type.network ? { name: `abt-${randomBytes(4).toString('hex')}`, bridge: undefined, mtu: 1500 } : undefined,
        dataDisk: data,
        imageDisks: Array.from({ length: type.imageSlots }, () => image),
        uid,
        gid: uid,
        groups,
        cgroups: [],
        consolePath: join(work, 'console'),
      };
      await machine.launch(plan);
      await machine.guest(BOOT_MS);
      if (type.data === 'prepared') await prepare(machine, type.network);
      // A freshly seeded generator does not reseed itself for a second: what clones share until their own reseed is the same each time.
      await machine.identify('abode', '0'.repeat(32));
      // Not stopped before: the state would say "paused", and clones would wait to be continued. Saving stops it at its end.
      await machine.qmp('migrate-set-capabilities', { capabilities: [{ capability: 'x-ignore-shared', state: true }] });
      await machine.qmp('getfd', { fdname: 'state' }, [{ path: join(work, 'state'), flags: O_WRONLY | O_CREAT | O_TRUNC }]);
      await machine.qmp('migrate', { uri: 'fd:state' });
      await migrated(machine);
    } finally {
      await machine.shutDown(0);
      shim.disconnect();
      await rm(shimDir, { recursive: true, force: true });
    }
    await rm(image, { force: true });
  }

  /** Everything that a clone must have in common with what was saved. */
  async #key(type: MachineType): Promise<string> {
    const plan: MachinePlan = {
      name: '',
      type,
      origin: { kind: 'boot', guest: { ...this.#options.guest, kernel: '', initramfs: '' }, memory: '' },
      tap: undefined,
      dataDisk: '',
      imageDisks: Array.from({ length: type.imageSlots }, () => ''),
      uid: 0,
      gid: 0,
      groups: [],
      cgroups: [],
      consolePath: '',
    };
    const parts = [
      await qemuVersion(),
      this.#options.guest.hash,
      IGNORE_SHARED,
      vmStartFields(plan).build().toString('hex'),
      type.network ? 'network' : 'none',
      type.data,
      prepareFields().build().toString('hex'),
    ];
    return createHash('sha256').update(parts.join('\0')).digest('hex');
  }

  close(): void {
    clearInterval(this.#trimming);
    for (const memory of [...this.#memories.values(), ...this.#former]) memory.close();
    this.#memories.clear();
    this.#former.clear();
    this.#ready.clear();
  }
}

/** The writable disk is mounted and one container half made, so that clones need not (docs/decisions/0007). */
async function prepare(machine: Machine, network: boolean): Promise<void> {
  await Promise.all([
    ...mountData(machine),
    // Up already, without an address: a clone only names it.
    ...(network ? [machine.request(FrameType.NET_CONFIGURE, new FieldsBuilder().add(Tag.IFNAME, 'eth0'))] : []),
    ...prepareContainer(machine),
  ]);
}

/** What all templates in use have in common, whatever their type. */
async function originOf(guest: GuestFiles): Promise<string> {
  return `${await qemuVersion()} ${guest.hash}`;
}

async function readMeta(directory: string): Promise<Static<typeof Meta> | undefined> {
  const text = await readFileIfThere(join(directory, 'meta.json'));
  if (text === undefined) return undefined;
  const meta: unknown = JSON.parse(text);
  if (!Value.Check(Meta, meta)) throw new AbodeError('internal', `${directory}/meta.json is malformed`);
  return meta;
}

const MigrationStatus = Type.Object({ status: Type.Optional(Type.String()), 'error-desc': Type.Optional(Type.String()) });

/** Saving takes some 10 ms; QEMU tells its end only to those who ask. */
async function migrated(machine: Machine): Promise<void> {
  const end = Date.now() + MIGRATE_MS;
  for (;;) {
    const info = await machine.qmp('query-migrate');
    if (!Value.Check(MigrationStatus, info)) throw new AbodeError('internal', 'QEMU answered query-migrate with something else');
    if (info.status === 'completed') return;
    if (info.status === 'failed' || info.status === 'cancelled' || Date.now() > end) {
      throw new AbodeError(
        'internal',
        `QEMU could not save the template's state: ${info.status ?? 'no status'} ${info['error-desc'] ?? ''}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

let version: Promise<string> | undefined;

/** QEMU's version and the identity of its file: an update within a version counts too. */
export function qemuVersion(): Promise<string> {
  version ??= Promise.all([run(QEMU, ['--version']), stat(QEMU)]).then(
    ([{ stdout }, file]) => `${stdout.split('\n')[0] ?? ''} ${String(file.size)} ${String(file.mtimeMs)}`,
  );
  return version;
}

async function hashFile(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
