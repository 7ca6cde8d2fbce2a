/** Test code: volumes in memory. */
import { conflict, notFound } from '../base/errors.ts';
import type { Volume, VolumeFilters, Volumes } from '../engine/api.ts';

export class FakeVolumes implements Volumes {
  readonly #volumes = new Map<string, Volume>();
  readonly users: Map<string, readonly string[]> = new Map();
  pruned: Parameters<Volumes['prune']>[0] | undefined;

  async create({ name, labels, options }: Parameters<Volumes['create']>[0]): Promise<Volume> {
    const made: Volume = {
      name: name === '' ? 'made' : name,
      createdAt: '2026-01-02T03:04:05Z',
      labels,
      options,
      removing: false,
      anonymous: name === '',
      mountpoint: this.mountpoint(name),
      users: [],
    };
    if (!this.#volumes.has(made.name)) this.#volumes.set(made.name, made);
    return this.get(made.name);
  }

  get(name: string): Volume {
    const volume = this.#volumes.get(name);
    if (volume === undefined) throw notFound(`get ${name}: no such volume`);
    return { ...volume, users: this.users.get(name) ?? [] };
  }

  list({ name, dangling }: VolumeFilters): Volume[] {
    return [...this.#volumes.keys()]
      .map((key) => this.get(key))
      .filter((volume) => name === undefined || name.includes(volume.name))
      .filter((volume) => dangling === undefined || dangling === (volume.users.length === 0));
  }

  async remove(name: string, { force }: { force: boolean }): Promise<void> {
    if (!this.#volumes.has(name) && force) return;
    const { users } = this.get(name);
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`);
    this.#volumes.delete(name);
  }

  async prune(options: Parameters<Volumes['prune']>[0]): Promise<{ deleted: string[]; reclaimed: number }> {
    this.pruned = options;
    const deleted = this.list({ dangling: true }).map(({ name }) => name);
    for (const name of deleted) this.#volumes.delete(name);
    return { deleted, reclaimed: deleted.length * 10 };
  }

  async size(): Promise<number> {
    return 10;
  }

  mountpoint(name: string): string {
    return `/volumes/${name}/_data`;
  }
}
