/**
 * Paused clones kept ready: QEMU runs, the template's state is loaded, nothing of a user is in it yet. Taking one saves the start of
 * QEMU; it is given its image, network and identity before its guest runs an instruction. Off by default: each holds memory.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AbodeError, messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { removeCgroup } from '../cgroup.ts';
import { CGROUP_FILE } from '../cgroup-name.ts';
import { privateMemory } from '../process-memory.ts';
import { endShim, Shim } from '../shim.ts';
import { Machine } from './machine.ts';
import type { Shape } from './shape.ts';

/** What a machine must be to take another's place. */
export interface PoolKind {
  readonly shape: Shape;
  readonly network: boolean;
}

export interface PooledMachine {
  readonly machine: Machine;
  readonly cgroup: string;
  readonly hostInterface: string;
  readonly runDir: string;
  readonly dataDisk: string;
}

export interface PoolOptions {
  /** Machines of each kind. */
  readonly size: number;
  readonly root: string;
  readonly runDir: string;
  readonly agentPath: string;
  readonly log: Log;
  /** Starts a paused machine of this kind in these places. */
  readonly launch: (machine: Machine, kind: PoolKind, places: Omit<PooledMachine, 'machine'>) => Promise<void>;
}

/** Only so many kinds are kept ready; the one not asked for the longest goes. */
const MOST_KINDS = 4;

export class Pool {
  readonly #options: PoolOptions;
  /** In the order of their last use. */
  readonly #ready = new Map<string, { kind: PoolKind; machines: PooledMachine[] }>();
  #filling: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#options.size;
  }

  /** A ready machine, in the caller's directories from now on; undefined when none is. Either way one of its kind is made for later. */
  async take(kind: PoolKind, runDir: string, dataDisk: string): Promise<PooledMachine | undefined> {
    if (this.#options.size === 0) return undefined;
    const key = JSON.stringify(kind);
    const entry = this.#ready.get(key) ?? { kind, machines: [] };
    this.#ready.delete(key);
    this.#ready.set(key, entry);
    const member = entry.machines.shift();
    if (member === undefined) {
      this.#refill();
      return undefined;
    }
    try {
      if (!(await isPaused(member.machine))) throw new AbodeError('unavailable', 'it ended while it waited');
      await rename(member.dataDisk, dataDisk);
      await rename(member.runDir, runDir);
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'a machine of the pool cannot be taken');
      await this.#discard(member);
      return undefined;
    } finally {
      this.#refill();
    }
    member.machine.shim.moved(runDir);
    await rm(this.#rootOf(member.cgroup), { recursive: true, force: true });
    return { ...member, runDir, dataDisk };
  }

  /** Bytes that the ready machines hold on the host, apart from their template. */
  async memory(): Promise<number> {
    const machines = [...this.#ready.values()].flatMap((entry) => entry.machines);
    const parts = await Promise.all(
      machines.flatMap(({ machine }) =>
        [machine.shim.sandboxPid().then(privateMemory), machine.shim.pid().then(privateMemory)].map((part) => part.catch(() => 0)),
      ),
    );
    return parts.reduce((sum, part) => sum + part, 0);
  }

  /** Ends what a former daemon's pool left: nothing of a user is in it. */
  async sweep(): Promise<void> {
    const directory = join(this.#options.runDir, 'p');
    for (const name of await readdir(directory).catch(() => [])) {
      await endShim(join(directory, name));
      await removeCgroup(`abode/${name}`);
    }
    await rm(directory, { recursive: true, force: true });
    await rm(join(this.#options.root, 'pool'), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#filling;
    for (const entry of this.#ready.values()) await Promise.all(entry.machines.splice(0).map((member) => this.#discard(member)));
  }

  /** Waits until nothing is being made: for tests and measurements. */
  settled(): Promise<void> {
    return this.#filling;
  }

  /** One after the other, in the background: the start under way comes first. */
  #refill(): void {
    this.#filling = this.#filling
      .then(() => this.#fill())
      .catch((error: unknown) => {
        this.#options.log.warn({ error: messageOf(error) }, 'filling the pool');
      });
  }

  async #fill(): Promise<void> {
    const surplus = [...this.#ready.keys()].slice(0, -MOST_KINDS);
    for (const key of surplus) {
      const entry = this.#ready.get(key);
      this.#ready.delete(key);
      await Promise.all((entry?.machines ?? []).map((member) => this.#discard(member)));
    }
    for (const entry of this.#ready.values()) {
      while (!this.#closed && entry.machines.length < this.#options.size) entry.machines.push(await this.#make(entry.kind));
    }
  }

  async #make(kind: PoolKind): Promise<PooledMachine> {
    const name = `pool-${randomBytes(8).toString('hex')}`;
    const cgroup = `abode/${name}`;
    const places = {
      cgroup,
      hostInterface: `abp${name.slice(5, 15)}`,
      runDir: join(this.#options.runDir, 'p', name),
      dataDisk: join(this.#rootOf(cgroup), 'data.img'),
    };
    await mkdir(this.#rootOf(cgroup), { recursive: true, mode: 0o700 });
    const machine = new Machine(await Shim.spawn(this.#options.agentPath, places.runDir));
    const member = { machine, ...places };
    try {
      // It goes with the directory to whoever takes the machine, and tells what is to be removed with it.
      await writeFile(join(places.runDir, CGROUP_FILE), cgroup);
      await this.#options.launch(machine, kind, places);
    } catch (error) {
      await this.#discard(member);
      throw error;
    }
    return member;
  }

  async #discard(member: PooledMachine): Promise<void> {
    await member.machine.shutDown(0);
    member.machine.shim.disconnect();
    await removeCgroup(member.cgroup);
    await rm(member.runDir, { recursive: true, force: true });
    await rm(this.#rootOf(member.cgroup), { recursive: true, force: true });
  }

  #rootOf(cgroup: string): string {
    return join(this.#options.root, 'pool', cgroup.replace('abode/', ''));
  }
}

/** Its shim may outlive its QEMU, so QEMU itself is asked. */
async function isPaused(machine: Machine): Promise<boolean> {
  return machine.shim.alive && (await machine.shim.sandboxPid()) > 0;
}
