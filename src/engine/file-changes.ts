/** `docker diff`: what the agent found, without the places that every container is given to have something mounted on them. */
import { AbodeError } from '../base/errors.ts';
import type { FileChange } from './api.ts';
import type { ContainerRecord } from './record.ts';

const KINDS = { C: 0, A: 1, D: 2 } as const;

/** Docker keeps these in a layer of its own below the container's. */
const PLACES: readonly string[] = ['/dev', '/proc', '/sys', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];
const INIT_PLACES: readonly string[] = ['/sbin/docker-init'];

export function visibleChanges(output: Buffer, record: ContainerRecord): FileChange[] {
  const changes = output
    .toString('utf8')
    .split('\0')
    .filter((entry) => entry !== '')
    .map(parseChange);
  const places = new Set(record.host.Init === true ? [...PLACES, ...INIT_PLACES] : PLACES);
  const seen = changes.filter(({ path }) => !places.has(path) && !path.startsWith('/dev/'));
  // A directory that is told of only because one of them is in it.
  const hidden = changes.filter((change) => !seen.includes(change)).map(({ path }) => path);
  return seen.filter(
    ({ path }) =>
      !hidden.some((place) => place.startsWith(`${path}/`)) ||
      seen.some((other) => other.path !== path && other.path.startsWith(`${path}/`)),
  );
}

function parseChange(entry: string): FileChange {
  const kind = KINDS[entry.slice(0, 1) as keyof typeof KINDS] as FileChange['kind'] | undefined;
  if (kind === undefined) throw new AbodeError('internal', `the agent told of an unknown change: ${entry.slice(0, 20)}`);
  return { kind, path: entry.slice(2) };
}
