/** `docker events --filter`, with Docker's own meaning of each key: some match a beginning, some the whole. */
import type { EngineEvent, EventQuery } from './api.ts';

/** Without their particulars (`exec_start: sh`, `health_status: healthy`) these stand for all that begin so. */
const BEGINNINGS = ['health_status', 'exec_create', 'exec_start'];

export function matchesEvent(event: EngineEvent, filters: EventQuery['filters']): boolean {
  return Object.entries(filters).every(([key, values]) => values.length === 0 || matchesKey(event, key, values));
}

function matchesKey(event: EngineEvent, key: string, values: readonly string[]): boolean {
  const { attributes } = event;
  switch (key) {
    case 'type':
      return values.includes(event.type);
    case 'event':
      return values.some((value) => BEGINNINGS.includes(value))
        ? values.some((value) => event.action.startsWith(value))
        : values.includes(event.action);
    case 'label':
      return values.every((value) => hasAttribute(attributes, value));
    case 'scope':
      return values.includes('local');
    case 'image': {
      const name = attributes[event.type === 'image' ? 'name' : 'image'] ?? '';
      return [event.id, name, withoutTag(event.id), withoutTag(name)].some((candidate) => values.includes(candidate));
    }
    default:
      // container, network, volume …: by the beginning of its id or name.
      return event.type === key && values.some((value) => event.id.startsWith(value) || (attributes['name'] ?? '').startsWith(value));
  }
}

function hasAttribute(attributes: EngineEvent['attributes'], wanted: string): boolean {
  const at = wanted.indexOf('=');
  return at < 0 ? wanted in attributes : attributes[wanted.slice(0, at)] === wanted.slice(at + 1);
}

function withoutTag(reference: string): string {
  return reference.replace(/:[^:/]*$/, '');
}
