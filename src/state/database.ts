/** The daemon's state: one SQLite file, written in transactions, schema moved forward by numbered migrations. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { AbodeError } from '../base/errors.ts';
import { migrations } from './migrations.ts';

export type Row = Record<string, SQLInputValue>;

export class Database {
  readonly #sqlite: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  private constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite;
  }

  /** Opens or creates the file. A newer schema than this program knows is refused, never touched. */
  static open(path: string): Database {
    const sqlite = new DatabaseSync(path);
    try {
      sqlite.exec('PRAGMA busy_timeout = 5000');
      const version = Number(sqlite.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
      if (version > migrations.length) {
        throw new AbodeError(
          'conflict',
          `${path} was written by a newer Abode (schema ${String(version)}, known ${String(migrations.length)})`,
        );
      }
      // NORMAL: a commit survives the death of the daemon at once, a power cut may undo the last ones (docs/decisions/0003).
      sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON');
      const database = new Database(sqlite);
      database.#migrate(version);
      return database;
    } catch (error) {
      sqlite.close();
      throw error;
    }
  }

  #migrate(version: number): void {
    migrations.slice(version).forEach((sql, index) => {
      this.transaction(() => {
        this.#sqlite.exec(sql);
        this.#sqlite.exec(`PRAGMA user_version = ${String(version + index + 1)}`);
      });
    });
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values);
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values);
  }

  /** All or nothing; a transaction inside another joins it. */
  transaction<T>(action: () => T): T {
    if (this.#depth > 0) return action();
    this.#sqlite.exec('BEGIN IMMEDIATE');
    this.#depth += 1;
    try {
      const result = action();
      this.#sqlite.exec('COMMIT');
      return result;
    } catch (error) {
      this.#sqlite.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  close(): void {
    this.#sqlite.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#sqlite.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
