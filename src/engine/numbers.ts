/** Numbers that are never given twice, over restarts too, at the cost of one write for a thousand. */
import type { Database } from '../state/database.ts';

const BLOCK = 1000;
/** Process numbers have 32 bits in the agent's protocol. */
const MAX = 0xf000_0000;

export class Numbers {
  readonly #database: Database;
  #next = 0;
  #end = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  next(): number {
    if (this.#next >= this.#end) this.#reserve();
    this.#next += 1;
    return this.#next;
  }

  #reserve(): void {
    const stored = Number(this.#database.get("SELECT value FROM counter WHERE name = 'process'")?.['value'] ?? 0);
    const start = stored + BLOCK > MAX ? 0 : stored;
    this.#database.run(
      "INSERT INTO counter (name, value) VALUES ('process', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      start + BLOCK,
    );
    this.#next = start;
    this.#end = start + BLOCK;
  }
}
