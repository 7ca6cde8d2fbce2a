/** Shared VMs in the database. */
import { randomBytes } from 'node:crypto';
import type { SharedVmRecord, SharedVmStore } from '../sandbox/vm/shared-vms.ts';
import type { Database } from '../state/database.ts';

const DEFAULT_MEMORY = 1 << 30;
const DEFAULT_CPUS = 1;

export class VmRecords implements SharedVmStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(name: string): SharedVmRecord | undefined {
    const row = this.#database.get('SELECT record FROM vm WHERE name = ?', name);
    return row === undefined ? undefined : (JSON.parse(String(row['record'])) as SharedVmRecord); // written below only
  }

  all(): SharedVmRecord[] {
    return this.#database.all('SELECT record FROM vm ORDER BY name').map((row) => JSON.parse(String(row['record'])) as SharedVmRecord);
  }

  insert(name: string, shape: { cpus?: number; memory?: number }): SharedVmRecord {
    const id = randomBytes(32).toString('hex');
    const record: SharedVmRecord = {
      name,
      id,
      cpus: shape.cpus ?? DEFAULT_CPUS,
      memory: shape.memory ?? DEFAULT_MEMORY,
      createdAt: new Date().toISOString(),
      hostInterface: `abt${id.slice(0, 8)}`,
    };
    this.#database.run('INSERT INTO vm (name, record) VALUES (?, ?)', name, JSON.stringify(record));
    return record;
  }

  delete(name: string): void {
    this.#database.run('DELETE FROM vm WHERE name = ?', name);
  }
}
