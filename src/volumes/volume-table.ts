/** The volumes' rows. Every call is one statement; a transaction of the caller's holds them together. */
import type { Database, Row } from '../state/database.ts';
import type { NewVolume, VolumeRecord } from './volume-record.ts';

export class VolumeTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  insert({ name, labels, options }: NewVolume, createdAt: string): void {
    this.#database.run(
      'INSERT INTO volume (name, created_at, labels, options) VALUES (?, ?, ?, ?)',
      ...[name, createdAt, JSON.stringify(labels), JSON.stringify(options)],
    );
  }

  /** Those on their way out too. */
  all(): VolumeRecord[] {
    return this.#database.all('SELECT * FROM volume ORDER BY name').map(readRow);
  }

  find(name: string): VolumeRecord | undefined {
    const row = this.#database.get('SELECT * FROM volume WHERE name = ?', name);
    return row === undefined ? undefined : readRow(row);
  }

  markRemoving(name: string): void {
    this.#database.run('UPDATE volume SET removing = 1 WHERE name = ?', name);
  }

  delete(name: string): void {
    this.#database.run('DELETE FROM volume WHERE name = ?', name);
  }
}

/** The JSON is written by this class only. */
function readRow(row: Row): VolumeRecord {
  return {
    name: String(row['name']),
    createdAt: String(row['created_at']),
    labels: JSON.parse(String(row['labels'])) as VolumeRecord['labels'],
    options: JSON.parse(String(row['options'])) as VolumeRecord['options'],
    removing: row['removing'] === 1,
  };
}
