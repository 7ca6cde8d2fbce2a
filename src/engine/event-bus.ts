/** What happened: told to those who listen, and kept for those who ask later. */
import type { EngineEvent, EventQuery } from './api.ts';
import { matchesEvent } from './event-filter.ts';
import type { EventHistory } from './event-history.ts';

/** A listener that falls this far behind is cut off rather than let grow without bound. */
const MAX_BEHIND = 10_000;

export class EventBus {
  readonly #history: EventHistory;
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  #last: bigint;

  constructor(history: EventHistory) {
    this.#history = history;
    this.#last = history.last()?.timeNano ?? 0n;
  }

  emit(type: EngineEvent['type'], action: string, id: string, attributes: Readonly<Record<string, string>> = {}): void {
    const event: EngineEvent = { type, action, id, attributes, timeNano: this.#now() };
    this.#history.add(event);
    for (const listener of this.#listeners) listener(event);
  }

  /** Calls the observer with each event from now on, for as long as the bus is there. */
  observe(observer: (event: EngineEvent) => void): void {
    this.#listeners.add(observer);
  }

  /** Past events first when `since` or `until` is given, then new ones until `until` or the signal. */
  async *query(query: EventQuery): AsyncGenerator<EngineEvent> {
    const { since, until, signal } = query;
    const queue = since === undefined && until === undefined ? [] : this.#history.all().filter((event) => event.timeNano >= (since ?? 0n));
    let wake: (() => void) | undefined;
    let ended = signal.aborted;
    const listener = (event: EngineEvent): void => {
      queue.push(event);
      if (queue.length > MAX_BEHIND) {
        ended = true;
        this.#listeners.delete(listener);
      }
      wake?.();
    };
    const end = (): void => {
      ended = true;
      wake?.();
    };
    this.#listeners.add(listener);
    signal.addEventListener('abort', end, { once: true });
    const left = until === undefined ? undefined : Number(until / 1_000_000n) - Date.now();
    const timer = left === undefined ? undefined : setTimeout(end, Math.max(0, Math.min(left, 2 ** 31 - 1)));
    try {
      for (;;) {
        const event = queue.shift();
        if (event !== undefined) {
          if ((until === undefined || event.timeNano <= until) && matchesEvent(event, query.filters)) yield event;
        } else if (ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = undefined;
        }
      }
    } finally {
      clearTimeout(timer);
      this.#listeners.delete(listener);
      signal.removeEventListener('abort', end);
    }
  }

  /** Later than every event before it, so that their order can be told from their times. */
  #now(): bigint {
    const now = BigInt(Date.now()) * 1_000_000n;
    this.#last = now > this.#last ? now : this.#last + 1n;
    return this.#last;
  }
}
