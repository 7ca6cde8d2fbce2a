/** Which mounts a container gets, from whatever asks for them: a pure function. */
import { AbodeError, invalid } from '../../base/errors.ts';
import { ANONYMOUS_LABEL, type NewVolume } from '../../volumes/volume-record.ts';
import type { ContainerConfig, ContainerRecord, HostConfig } from '../record.ts';
import { isCopied, isValidMode, isWritable, propagationOf } from './mount-mode.ts';
import type { MountPoint } from './mount-point.ts';
import { parseBind } from './parse-bind.ts';
import { anonymousName, cleanPath, parseMount } from './parse-mount.ts';
import { pointOf, type ParsedMount } from './parsed-mount.ts';

export interface MountPlan {
  readonly points: readonly MountPoint[];
  /** Those that the points name, to be made where they are not there. */
  readonly volumes: readonly NewVolume[];
}

export interface MountSources {
  readonly host: HostConfig;
  readonly volumes: ContainerConfig['Volumes'];
  /** The container that `--volumes-from` names. */
  readonly find: (reference: string) => ContainerRecord;
}

/** In Docker's order: what comes later takes the place of what comes before it, but for what the request itself names twice. */
export function planMounts({ host, volumes, find }: MountSources): MountPlan {
  const points = new Map<string, MountPoint>();
  const needed = new Map<string, NewVolume>();
  const own = new Set<string>();
  const requested = parseRequested(host);
  for (const point of (host.VolumesFrom ?? []).flatMap((text) => inherit(text, find))) points.set(point.destination, point);
  for (const { mount, shown } of requested) {
    const point = pointOf(mount);
    if (own.has(point.destination)) throw invalid(`Duplicate mount point: ${shown}`);
    own.add(point.destination);
    points.set(point.destination, point);
    if ('volume' in mount) needed.set(mount.volume.name, mount.volume);
  }
  for (const destination of Object.keys(volumes ?? {})) {
    const point = anonymousVolume(destination, host.VolumeDriver ?? '');
    if (points.has(point.point.destination)) continue;
    points.set(point.point.destination, point.point);
    needed.set(point.volume.name, point.volume);
  }
  return { points: [...points.values()], volumes: [...needed.values()] };
}

interface Requested {
  readonly mount: ParsedMount;
  /** How a complaint names its place. */
  readonly shown: string;
}

function parseRequested(host: HostConfig): Requested[] {
  const tmpfs = new Set(Object.keys(host.Tmpfs ?? {}).map(cleanPath));
  const mounts = (host.Mounts ?? []).map((request) => ({ mount: parseMount(request), shown: request.Target ?? '' }));
  const binds = (host.Binds ?? []).map((text) => {
    const mount = parseBind(text, host.VolumeDriver ?? '');
    const { destination } = pointOf(mount);
    if (tmpfs.has(destination)) throw invalid(`Duplicate mount point: ${destination}`);
    return { mount, shown: destination };
  });
  return [...binds, ...mounts];
}

function inherit(text: string, find: (reference: string) => ContainerRecord): MountPoint[] {
  const [, reference = '', mode = 'rw'] = /^([^:]*)(?::([^]*))?$/.exec(text) ?? [];
  if (text === '') throw invalid('volumes-from specification cannot be an empty string');
  if (!isValidMode(mode) || propagationOf(mode) !== undefined || !isCopied(mode)) throw invalid(`invalid mode: ${mode}`);
  return (findSource(reference, find).mounts ?? []).map((point) => ({
    ...point,
    mode: '',
    writable: point.writable && isWritable(mode),
    ...(point.type === 'volume' ? { copyUp: false } : {}),
  }));
}

/** Docker has it as a mistake in the request: a client takes "not found" for the image. */
function findSource(reference: string, find: (reference: string) => ContainerRecord): ContainerRecord {
  try {
    return find(reference);
  } catch (error) {
    if (error instanceof AbodeError && error.code === 'not-found') throw invalid(error.message);
    throw error;
  }
}

function anonymousVolume(text: string, driver: string): Extract<ParsedMount, { volume: NewVolume }> {
  const destination = cleanPath(`/${text}`);
  if (destination === '/') throw invalid(`invalid volume specification: '${text}': invalid specification: destination can't be '/'`);
  const name = anonymousName();
  return {
    point: {
      type: 'volume',
      name,
      destination,
      writable: true,
      mode: '',
      anonymous: true,
      copyUp: true,
      subpath: '',
      propagation: '',
    },
    volume: { name, driver, labels: { [ANONYMOUS_LABEL]: '' }, options: null },
  };
}
