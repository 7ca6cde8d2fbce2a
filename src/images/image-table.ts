/** The store's images and their names, in the database. */
import type { Database, Row } from '../state/database.ts';
import type { ImageRecord } from './api.ts';
import { textOf } from './column.ts';
import { parseConfiguration } from './configuration.ts';
import { digestOf } from './digest.ts';

export interface NewImage {
  /** The configuration's JSON, byte for byte. */
  readonly configuration: string;
  /** With a tag, or a registry's digest. */
  readonly references: readonly string[];
}

export class ImageTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Adds images whose layers are there, all or none, and moves their names to them. An image that is there gains names. */
  add(images: readonly NewImage[]): ImageRecord[] {
    return this.#database.transaction(() =>
      images.map(({ configuration, references }) => {
        const id = digestOf(configuration);
        const { chainIds } = parseConfiguration(configuration);
        const size = chainIds.reduce((sum, chain) => sum + this.#layerSize(chain), 0);
        this.#database.run(
          `INSERT INTO image (id, config, chain, size, created_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET retained = 0`,
          id,
          configuration,
          JSON.stringify(chainIds),
          size,
          Date.now(),
        );
        for (const name of references) this.name(name, id);
        return this.#record(this.#database.get('SELECT * FROM image WHERE id = ?', id) ?? {});
      }),
    );
  }

  list(): ImageRecord[] {
    return this.#database.all('SELECT * FROM image WHERE retained = 0').map((row) => this.#record(row));
  }

  byId(id: string, options: { retained: boolean } = { retained: false }): ImageRecord | undefined {
    const row = this.#database.get('SELECT * FROM image WHERE id = ? AND retained <= ?', id, Number(options.retained));
    return row === undefined ? undefined : this.#record(row);
  }

  /** The one image whose id begins so (`sha256:` may be left out). */
  byPrefix(prefix: string): ImageRecord | undefined {
    const hex = prefix.startsWith('sha256:') ? prefix.slice('sha256:'.length) : prefix;
    if (!/^[0-9a-f]+$/.test(hex)) return undefined;
    const rows = this.#database.all('SELECT * FROM image WHERE id GLOB ? AND retained = 0 LIMIT 2', `sha256:${hex}*`);
    return rows.length === 1 && rows[0] !== undefined ? this.#record(rows[0]) : undefined;
  }

  byName(name: string): ImageRecord | undefined {
    const row = this.#database.get('SELECT image.* FROM image JOIN image_reference ON image = id WHERE name = ?', name);
    return row === undefined ? undefined : this.#record(row);
  }

  configuration(id: string): string {
    return textOf(this.#database.get('SELECT config FROM image WHERE id = ?', id) ?? {}, 'config');
  }

  name(name: string, id: string): void {
    this.#database.run(
      'INSERT INTO image_reference (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image',
      name,
      id,
    );
    this.#database.run('UPDATE image SET retained = 0 WHERE id = ?', id);
  }

  unname(name: string): void {
    this.#database.run('DELETE FROM image_reference WHERE name = ?', name);
  }

  /** Its names must be gone. */
  delete(id: string): void {
    this.#database.run('DELETE FROM image WHERE id = ?', id);
  }

  /** Out of sight, but with its layers. */
  retain(id: string): void {
    this.#database.run('UPDATE image SET retained = 1 WHERE id = ?', id);
  }

  retained(): string[] {
    return this.#database.all('SELECT id FROM image WHERE retained = 1').map((row) => textOf(row, 'id'));
  }

  transaction<T>(action: () => T): T {
    return this.#database.transaction(action);
  }

  #layerSize(chain: string): number {
    return Number(this.#database.get('SELECT size FROM layer WHERE chain = ?', chain)?.['size'] ?? 0);
  }

  #record(row: Row): ImageRecord {
    const id = textOf(row, 'id');
    const parsed = parseConfiguration(textOf(row, 'config'));
    const names = this.#database
      .all('SELECT name FROM image_reference WHERE image = ? ORDER BY name', id)
      .map((found) => textOf(found, 'name'));
    return {
      id,
      references: names.filter((name) => !name.includes('@')),
      digests: names.filter((name) => name.includes('@')),
      ...parsed,
      size: Number(row['size']),
      layerSizes: parsed.chainIds.map((chain) => this.#layerSize(chain)),
    };
  }
}
