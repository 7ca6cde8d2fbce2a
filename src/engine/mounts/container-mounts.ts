/** A container's mounts over its life: made with it, filled, told of at start and end, and left with it. */
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { VolumeStore } from '../../volumes/volume-store.ts';
import type { ContainerTable } from '../container-table.ts';
import type { EventBus } from '../event-bus.ts';
import type { ContainerRecord } from '../record.ts';
import { checkSources, makeSources } from './check-sources.ts';
import type { VolumePoint } from './mount-point.ts';
import type { MountPlan } from './plan-mounts.ts';

export interface ContainerMountsParts {
  readonly volumes: VolumeStore;
  readonly containers: ContainerTable;
  readonly events: EventBus;
  readonly log: Log;
  /** Runs an action as one transaction of the database. */
  readonly transaction: (action: () => void) => void;
}

export class ContainerMounts {
  readonly #parts: ContainerMountsParts;
  /** Of each volume the running containers, and those on their way there. */
  readonly #mounted = new Map<string, Set<string>>();

  constructor(parts: ContainerMountsParts) {
    this.#parts = parts;
  }

  /** The container's row and those of its volumes, together. Until `fill` is done the record is `incomplete`. */
  async insert(record: ContainerRecord, plan: MountPlan): Promise<ContainerRecord> {
    const { volumes, containers, events, transaction } = this.#parts;
    const names = volumesOf(record).map(({ name }) => name);
    await checkSources(plan.points);
    await volumes.awaitRemovals(names);
    const made: string[] = [];
    const inserted = names.length === 0 ? record : { ...record, incomplete: true };
    transaction(() => {
      for (const volume of plan.volumes) if (volumes.insert(volume)) made.push(volume.name);
      // Those of other containers are there, or were removed since they were looked up.
      for (const name of names) volumes.get(name);
      containers.insert(inserted);
    });
    for (const name of made) events.emit('volume', 'create', name, { driver: 'local' });
    return inserted;
  }

  /** Directories, and what the image has at their places. */
  async fill(record: ContainerRecord, layers: readonly string[]): Promise<void> {
    const { volumes } = this.#parts;
    for (const { name, destination, copyUp } of volumesOf(record)) {
      await volumes.makeDirectory(name);
      if (copyUp) await volumes.populate(name, layers, destination, () => this.#mounted.has(name));
    }
  }

  /** Before the start: what the host lacks is made. To be followed by `unmounted` whatever comes of it. */
  async mounted(record: ContainerRecord): Promise<void> {
    const points = record.mounts ?? [];
    if (points.length === 0) return;
    const { volumes } = this.#parts;
    for (const point of volumesOf(record)) {
      await volumes.makeDirectory(point.name);
      await volumes.populated(point.name);
      this.#hold(point.name, record.id);
    }
    await checkSources(points);
    await makeSources(points);
    for (const point of volumesOf(record)) this.#tell('mount', record.id, point);
  }

  /** Of a container that a former daemon started. */
  adopted(record: ContainerRecord): void {
    for (const { name } of volumesOf(record)) this.#hold(name, record.id);
  }

  unmounted(record: ContainerRecord): void {
    for (const point of volumesOf(record)) {
      const holders = this.#mounted.get(point.name);
      if (holders?.delete(record.id) !== true) continue;
      if (holders.size === 0) this.#mounted.delete(point.name);
      this.#parts.events.emit('volume', 'unmount', point.name, { driver: 'local', container: record.id });
    }
  }

  /** The container's row goes, and with it, in one step, its anonymous volumes where they are asked for and nobody else has them. */
  async remove(record: ContainerRecord, anonymous: boolean): Promise<void> {
    const { volumes, containers, transaction, events, log } = this.#parts;
    const doomed: string[] = [];
    transaction(() => {
      containers.delete(record.id);
      if (!anonymous) return;
      for (const point of volumesOf(record)) {
        if (!point.anonymous || volumes.find(point.name) === undefined || this.usersOf(point.name).length > 0) continue;
        volumes.markRemoving(point.name);
        doomed.push(point.name);
      }
    });
    for (const name of doomed) {
      try {
        await volumes.finishRemoval(name);
        events.emit('volume', 'destroy', name, { driver: 'local' });
      } catch (error) {
        log.error({ volume: name, container: record.id, error: messageOf(error) }, 'removing an anonymous volume');
      }
    }
  }

  /** Ids of the containers that have the volume, running or not. */
  usersOf(volume: string): string[] {
    return this.#parts.containers
      .all()
      .filter((record) => volumesOf(record).some(({ name }) => name === volume))
      .map(({ id }) => id);
  }

  #hold(volume: string, container: string): void {
    const holders = this.#mounted.get(volume) ?? new Set();
    this.#mounted.set(volume, holders.add(container));
  }

  #tell(action: 'mount', container: string, point: VolumePoint): void {
    this.#parts.events.emit('volume', action, point.name, {
      driver: 'local',
      container,
      destination: point.destination,
      'read/write': String(point.writable),
      propagation: point.propagation,
    });
  }
}

function volumesOf(record: ContainerRecord): VolumePoint[] {
  return (record.mounts ?? []).filter((point) => point.type === 'volume');
}
