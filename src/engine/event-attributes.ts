import type { ContainerRecord } from './record.ts';

/** What Docker tells of a container with each of its events. */
export function containerAttributes(record: ContainerRecord): Record<string, string> {
  return { ...(record.config.Labels ?? {}), image: record.imageReference, name: record.name };
}
