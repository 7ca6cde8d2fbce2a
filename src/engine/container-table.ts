/** The containers: records in the database, held in memory too, found as Docker's clients name them. */
import { AbodeError, conflict, invalid, notFound } from '../base/errors.ts';
import type { Database } from '../state/database.ts';
import type { ContainerRecord, NetworkAttachment } from './record.ts';

export class ContainerTable {
  readonly #database: Database;
  readonly #records = new Map<string, ContainerRecord>();
  readonly #names = new Map<string, string>();

  constructor(database: Database) {
    this.#database = database;
    for (const row of database.all('SELECT record FROM container ORDER BY created_at')) {
      const record = JSON.parse(String(row['record'])) as ContainerRecord; // written by this class only
      this.#records.set(record.id, record);
      this.#names.set(record.name, record.id);
    }
  }

  all(): ContainerRecord[] {
    return [...this.#records.values()];
  }

  has(id: string): boolean {
    return this.#records.has(id);
  }

  hasName(name: string): boolean {
    return this.#names.has(name);
  }

  insert(record: ContainerRecord): void {
    this.#checkName(record.name);
    this.#database.run(
      'INSERT INTO container (id, name, image, created_at, record) VALUES (?, ?, ?, ?, ?)',
      ...[record.id, record.name, record.imageId, Date.parse(record.createdAt), JSON.stringify(record)],
    );
    this.#records.set(record.id, record);
    this.#names.set(record.name, record.id);
  }

  /** Changes a record that exists; gives the new one. `network: undefined` takes the network away. */
  update(id: string, change: Partial<Omit<ContainerRecord, 'network'>> & { network?: NetworkAttachment | undefined }): ContainerRecord {
    const old = this.byId(id);
    if (change.name !== undefined && change.name !== old.name) this.#checkName(change.name);
    const { network, ...rest } = { ...old, ...change };
    const record: ContainerRecord = network === undefined ? rest : { ...rest, network };
    this.#database.run('UPDATE container SET name = ?, record = ? WHERE id = ?', record.name, JSON.stringify(record), id);
    this.#records.set(id, record);
    if (record.name !== old.name) {
      this.#names.delete(old.name);
      this.#names.set(record.name, id);
    }
    return record;
  }

  delete(id: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    this.#database.run('DELETE FROM container WHERE id = ?', id);
    this.#records.delete(id);
    this.#names.delete(record.name);
  }

  byId(id: string): ContainerRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw notFound(`No such container: ${id}`);
    return record;
  }

  /** By id, name (with or without its slash), or a prefix of an id that only one has. */
  find(reference: string): ContainerRecord {
    const exact = this.#records.get(reference) ?? this.#records.get(this.#names.get(reference.replace(/^\//, '')) ?? '');
    if (exact !== undefined) return exact;
    const matches = /^[0-9a-f]+$/.test(reference) ? this.all().filter((record) => record.id.startsWith(reference)) : [];
    if (matches.length > 1) throw invalid(`Multiple IDs found with provided prefix: ${reference}`);
    const [match] = matches;
    if (match === undefined) throw notFound(`No such container: ${reference}`);
    return match;
  }

  /** As `find`, for a reference that may be nobody's. */
  look(reference: string): ContainerRecord | undefined {
    try {
      return this.find(reference);
    } catch (error) {
      if (error instanceof AbodeError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  #checkName(name: string): void {
    const holder = this.#names.get(name);
    if (holder === undefined) return;
    throw conflict(
      `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  }
}
