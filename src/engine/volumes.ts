/** Volumes as the API has them: Docker's volume commands over the store. */
import { AbodeError, conflict, invalid } from '../base/errors.ts';
import { measureVolume } from '../volumes/measure-volume.ts';
import { isAnonymous, type NewVolume, type VolumeRecord } from '../volumes/volume-record.ts';
import type { VolumeStore } from '../volumes/volume-store.ts';
import type { Volume, VolumeFilters, Volumes } from './api.ts';
import type { EventBus } from './event-bus.ts';
import { matchesLabel } from './label.ts';
import type { ContainerMounts } from './mounts/container-mounts.ts';
import { anonymousName } from './mounts/parse-mount.ts';

export class VolumeControl implements Volumes {
  readonly #store: VolumeStore;
  readonly #mounts: ContainerMounts;
  readonly #events: EventBus;

  constructor(store: VolumeStore, mounts: ContainerMounts, events: EventBus) {
    this.#store = store;
    this.#mounts = mounts;
    this.#events = events;
  }

  async create(request: NewVolume): Promise<Volume> {
    const name = request.name === '' ? anonymousName() : request.name;
    await this.#store.awaitRemovals([name]);
    if (this.#store.insert({ ...request, name })) this.#events.emit('volume', 'create', name, { driver: 'local' });
    await this.#store.makeDirectory(name);
    return this.get(name);
  }

  get(name: string): Volume {
    return this.#present(this.#store.get(name));
  }

  list(filters: VolumeFilters): Volume[] {
    const { name: names, label: labels, driver: drivers, dangling } = filters;
    return this.#store
      .all()
      .map((record) => this.#present(record))
      .filter(
        (volume) =>
          (names === undefined || names.some((name) => matchesName(volume.name, name))) &&
          (labels ?? []).every((label) => matchesLabel(volume.labels, label)) &&
          (drivers === undefined || drivers.includes('local')) &&
          (dangling === undefined || dangling === (volume.users.length === 0)),
      );
  }

  async remove(name: string, options: { force: boolean }): Promise<void> {
    if (this.#store.find(name) === undefined && options.force) return;
    const { users } = this.get(name);
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`);
    this.#store.markRemoving(name);
    await this.#store.finishRemoval(name);
    this.#events.emit('volume', 'destroy', name, { driver: 'local' });
  }

  async prune(options: {
    all: boolean;
    label: readonly string[];
    notLabel: readonly string[];
  }): Promise<{ deleted: string[]; reclaimed: number }> {
    const unused = this.list({ dangling: true }).filter(
      (volume) =>
        (options.all || volume.anonymous) &&
        options.label.every((label) => matchesLabel(volume.labels, label)) &&
        !options.notLabel.some((label) => matchesLabel(volume.labels, label)),
    );
    const deleted: string[] = [];
    let reclaimed = 0;
    for (const { name } of unused) {
      const size = await this.size(name);
      try {
        await this.remove(name, { force: false });
      } catch (error) {
        // Taken or removed meanwhile: nothing to prune.
        if (error instanceof AbodeError && (error.code === 'conflict' || error.code === 'not-found')) continue;
        throw error;
      }
      deleted.push(name);
      reclaimed += size;
    }
    this.#events.emit('volume', 'prune', '', { reclaimed: String(reclaimed) });
    return { deleted, reclaimed };
  }

  size(name: string): Promise<number> {
    return measureVolume(this.#store.mountpoint(name));
  }

  mountpoint(name: string): string {
    return this.#store.mountpoint(name);
  }

  #present(record: VolumeRecord): Volume {
    return {
      ...record,
      anonymous: isAnonymous(record),
      mountpoint: this.#store.mountpoint(record.name),
      users: this.#mounts.usersOf(record.name),
    };
  }
}

/** Docker takes a name filter for a regular expression, and for a part of a name. */
function matchesName(name: string, pattern: string): boolean {
  if (name.includes(pattern)) return true;
  try {
    return new RegExp(pattern).test(name);
  } catch {
    throw invalid(`invalid filter 'name=[${pattern}]'`);
  }
}
