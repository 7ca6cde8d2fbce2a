/** What happened: told to those who listen, and kept for those who ask later. */
import type { EngineEvent, EventQuery } from './api.ts';

/** As many as Docker keeps, and some more. */
const HISTORY = 1024;
/** A listener that falls this far behind is cut off rather than let grow without bound. */
const MAX_BEHIND = 10_000;

export class EventBus {
  readonly #history: EngineEvent[] = [];
  readonly #listeners = new Set<(event: EngineEvent) => void>();
  #last = 0n;

  emit(type: EngineEvent['type'], action: string, id: string, attributes: Readonly<Record<string, string>> = {}): void {
    const event: EngineEvent = { type, action, id, attributes, timeNano: this.#now() };
    this.#history.push(event);
    if (this.#history.length > HISTORY) this.#history.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Calls the observer with each event from now on, for as long as the bus is there. */
  observe(observer: (event: EngineEvent) => void): void {
    this.#listeners.add(observer);
  }

  /** Past events first when `since` is given, then new ones until `until` or the signal. */
  async *query(query: EventQuery): AsyncGenerator<EngineEvent> {
    const { since, until, signal } = query;
    const queue = since === undefined ? [] : this.#history.filter((event) => event.timeNano >= since);
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
          if ((until === undefined || event.timeNano <= until) && matches(event, query.filters)) yield event;
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

function matches(event: EngineEvent, filters: EventQuery['filters']): boolean {
  const { attributes } = event;
  const isOne = (values: readonly string[], ...candidates: Array<string | undefined>): boolean =>
    values.some((value) => candidates.includes(value));
  return Object.entries(filters).every(([key, values]) => {
    if (values.length === 0) return true;
    switch (key) {
      case 'type':
        return isOne(values, event.type);
      case 'event':
        return values.some((value) => event.action === value || event.action.startsWith(`${value}:`));
      case 'container':
        return (
          event.type === 'container' &&
          (isOne(values, event.id, attributes['name']) || values.some((value) => value.length > 3 && event.id.startsWith(value)))
        );
      case 'image':
        return event.type === 'image' ? isOne(values, event.id, attributes['name']) : isOne(values, attributes['image']);
      case 'label':
        return values.every((value) => {
          const [name, wanted] = split(value);
          return name in attributes && (wanted === undefined || attributes[name] === wanted);
        });
      case 'scope':
        return isOne(values, 'local');
      default:
        return isOne(values, event.id, attributes['name']);
    }
  });
}

function split(text: string): [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
