/** The last events, kept in the database: who asks after the daemon's restart is told what happened before it. */
import type { Database } from '../state/database.ts';
import type { EngineEvent } from './api.ts';

/** Many times what Docker keeps. */
export const HISTORY = 4096;
/** What is too old goes in pieces: a deletion for each event would double what an event costs. */
const SPARE = 256;

export class EventHistory {
  readonly #database: Database;
  readonly #events: EngineEvent[] = [];
  #surplus = 0;

  constructor(database: Database) {
    this.#database = database;
    const rows = database.all('SELECT body FROM (SELECT id, body FROM event ORDER BY id DESC LIMIT ?) ORDER BY id', HISTORY);
    for (const row of rows) this.#events.push(decode(String(row['body'])));
    this.#trim();
  }

  /** The oldest first. */
  all(): readonly EngineEvent[] {
    return this.#events;
  }

  last(): EngineEvent | undefined {
    return this.#events.at(-1);
  }

  add(event: EngineEvent): void {
    this.#database.run('INSERT INTO event (body) VALUES (?)', encode(event));
    this.#events.push(event);
    if (this.#events.length > HISTORY) this.#events.shift();
    this.#surplus += 1;
    if (this.#surplus >= SPARE) this.#trim();
  }

  #trim(): void {
    this.#surplus = 0;
    this.#database.run('DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?', HISTORY);
  }
}

/** More digits than a JSON number keeps. */
function encode(event: EngineEvent): string {
  return JSON.stringify({ ...event, timeNano: String(event.timeNano) });
}

function decode(body: string): EngineEvent {
  const event = JSON.parse(body) as Omit<EngineEvent, 'timeNano'> & { timeNano: string }; // written by encode only
  return { ...event, timeNano: BigInt(event.timeNano) };
}
