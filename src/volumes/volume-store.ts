/**
 * The volumes of the local driver. Rows first, files after them, so that no death of the daemon loses or leaks one:
 *
 *   insert            the row, in the caller's transaction, with the container that needs it; `makeDirectory` then, and at every start
 *   markRemoving      the row's mark, in the caller's transaction, with the container that goes; `finishRemoval` takes the directory, then
 *                     the row
 *   recover           at start-up: directories that are missing, removals that were marked
 *
 * A directory without a row was never made here, and is left alone: it may be somebody's data.
 */
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { conflict, messageOf, notFound } from '../base/errors.ts';
import { exists } from '../base/files.ts';
import type { Log } from '../base/log.ts';
import { run } from '../base/process.ts';
import type { Database } from '../state/database.ts';
import { checkVolume } from './check-volume.ts';
import { populateVolume } from './populate.ts';
import type { NewVolume, VolumeRecord } from './volume-record.ts';
import { VolumeTable } from './volume-table.ts';

export interface VolumeStoreOptions {
  /** Holds one directory for each volume. */
  readonly root: string;
  readonly database: Database;
  readonly agentPath: string;
  readonly log: Log;
}

/** A tree may be large, and its disk slow. */
const REMOVE_MS = 600_000;

export class VolumeStore {
  readonly #options: VolumeStoreOptions;
  readonly #table: VolumeTable;
  readonly #removals = new Map<string, Promise<void>>();
  readonly #filling = new Map<string, Promise<void>>();

  constructor(options: VolumeStoreOptions) {
    this.#options = options;
    this.#table = new VolumeTable(options.database);
  }

  /** Sorted by name. */
  all(): VolumeRecord[] {
    return this.#table.all().filter((record) => !record.removing);
  }

  find(name: string): VolumeRecord | undefined {
    const record = this.#table.find(name);
    return record?.removing === true ? undefined : record;
  }

  get(name: string): VolumeRecord {
    const record = this.find(name);
    if (record === undefined) throw notFound(`get ${name}: no such volume`);
    return record;
  }

  /** What a container has mounted. */
  mountpoint(name: string): string {
    return join(this.#directory(name), '_data');
  }

  /** Waits for removals under way, after which the names are free. */
  async awaitRemovals(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#removals.get(name);
  }

  /** The row of a volume that is not there yet; false when it is. Synchronous, for a transaction. */
  insert(volume: NewVolume): boolean {
    checkVolume(volume);
    const found = this.#table.find(volume.name);
    if (found?.removing === true) throw conflict(`create ${volume.name}: volume is being removed, try again`);
    if (found === undefined) this.#table.insert(volume, new Date().toISOString().replace(/\.\d+Z$/, 'Z'));
    return found === undefined;
  }

  async makeDirectory(name: string): Promise<void> {
    const data = this.mountpoint(name);
    await mkdir(this.#options.root, { recursive: true, mode: 0o701 });
    await mkdir(this.#directory(name), { recursive: true, mode: 0o701 });
    const made = await mkdir(data, { recursive: true });
    // Whatever the daemon's umask.
    if (made !== undefined) await chmod(data, 0o755);
  }

  /** Copies what an image has at `destination` into a volume that holds nothing; one at a time for each volume. */
  async populate(name: string, layers: readonly string[], destination: string, inUse: () => boolean): Promise<void> {
    const { agentPath } = this.#options;
    const turn = this.populated(name).then(async () => {
      if (await this.#isFilled(name)) return;
      await populateVolume({ agentPath, directory: this.#directory(name), layers, destination, inUse: inUse() });
    });
    this.#filling.set(name, turn);
    try {
      await turn;
    } finally {
      if (this.#filling.get(name) === turn) this.#filling.delete(name);
    }
  }

  /** Waits for what is being copied into it: its directory may be replaced until then. */
  async populated(name: string): Promise<void> {
    await this.#filling.get(name)?.catch(() => undefined);
  }

  /** Saves a process where there is nothing to do; a copy that was cut short while it was moved in is to be finished. */
  async #isFilled(name: string): Promise<boolean> {
    if (await exists(join(this.#directory(name), 'moving'))) return false;
    return (await readdir(this.mountpoint(name))).length > 0;
  }

  /** From here on nobody finds it. Synchronous, for a transaction. */
  markRemoving(name: string): void {
    this.#table.markRemoving(name);
  }

  finishRemoval(name: string): Promise<void> {
    const removal = this.#removals.get(name) ?? this.#removeDirectory(name);
    this.#removals.set(name, removal);
    return removal;
  }

  /** Start-up: what a former daemon began to remove goes, what it began to make is made. */
  async recover(): Promise<void> {
    for (const { name, removing } of this.#table.all()) {
      const step = removing ? this.finishRemoval(name) : this.#completeDirectory(name);
      await step.catch((error: unknown) => {
        this.#options.log.error({ volume: name, error: messageOf(error) }, 'taking a volume over from a former daemon');
      });
    }
  }

  async #completeDirectory(name: string): Promise<void> {
    await this.makeDirectory(name);
    await rm(join(this.#directory(name), 'fill'), { recursive: true, force: true });
  }

  async #removeDirectory(name: string): Promise<void> {
    try {
      await this.populated(name);
      // A mount below it is never entered.
      await run('rm', ['-rf', '--one-file-system', '--', this.#directory(name)], { timeoutMs: REMOVE_MS });
      this.#table.delete(name);
    } finally {
      this.#removals.delete(name);
    }
  }

  #directory(name: string): string {
    return join(this.#options.root, name);
  }
}
