/** `HostConfig.Mounts`, checked in Docker's words. */
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { AbodeError, invalid } from '../../base/errors.ts';
import { ANONYMOUS_LABEL } from '../../volumes/volume-record.ts';
import type { MountRequest } from '../record.ts';
import { PROPAGATIONS } from './mount-mode.ts';
import type { BindPoint, TmpfsPoint } from './mount-point.ts';
import type { ParsedMount } from './parsed-mount.ts';
import { tmpfsOptionsOf } from './tmpfs-options.ts';

export function parseMount(mount: MountRequest): ParsedMount {
  const target = mount.Target ?? '';
  if (target === '') throw wrong(mount, 'field Target must not be empty');
  if (cleanPath(target) === '/') throw wrong(mount, "invalid specification: destination can't be '/'");
  checkAbsolute(mount, target);
  switch (mount.Type) {
    case 'bind':
      return parseBind(mount, target);
    case 'volume':
      return parseVolume(mount, target);
    case 'tmpfs':
      return parseTmpfs(mount, target);
    case 'image':
    case 'cluster':
      throw new AbodeError('not-implemented', `mounts of type "${mount.Type}" are not available in this version`);
    default:
      throw wrong(mount, 'mount type unknown');
  }
}

function parseBind(mount: MountRequest, target: string): BindPoint {
  const source = mount.Source ?? '';
  const options = mount.BindOptions ?? {};
  const propagation = options.Propagation ?? '';
  if (source === '') throw wrong(mount, 'field Source must not be empty');
  if (propagation !== '' && !PROPAGATIONS.includes(propagation)) throw wrong(mount, `invalid propagation mode: ${propagation}`);
  if (given(mount.VolumeOptions)) throw wrong(mount, 'field VolumeOptions must not be specified');
  checkAbsolute(mount, source);
  const force = options.ReadOnlyForceRecursive === true;
  if (force && mount.ReadOnly !== true) throw wrong(mount, 'mount source must be read-only when ReadOnlyForceRecursive is set');
  if (force && options.ReadOnlyNonRecursive === true) throw wrong(mount, 'ReadOnlyForceRecursive and ReadOnlyNonRecursive are conflicting');
  if (force && propagation !== '' && propagation !== 'rprivate')
    throw wrong(mount, `ReadOnlyForceRecursive requires the propagation mode rprivate, not ${propagation}`);
  return {
    type: 'bind',
    source: cleanPath(source),
    destination: cleanPath(target),
    writable: mount.ReadOnly !== true,
    mode: '',
    propagation: propagation === '' ? 'rprivate' : propagation,
    recursive: options.NonRecursive !== true,
    readonlyBelow: force ? 'required' : options.ReadOnlyNonRecursive === true ? 'no' : 'possible',
    makeSource: options.CreateMountpoint === true,
  };
}

function parseVolume(mount: MountRequest, target: string): ParsedMount {
  const options = mount.VolumeOptions ?? {};
  const subpath = options.Subpath ?? '';
  const anonymous = (mount.Source ?? '') === '';
  if (given(mount.BindOptions)) throw wrong(mount, 'field BindOptions must not be specified');
  if (anonymous && subpath !== '') throw wrong(mount, 'must not set Subpath when using anonymous volumes');
  if (subpath !== '' && !isLocal(subpath)) throw wrong(mount, 'subpath must be a relative path within the volume');
  if (anonymous && mount.ReadOnly === true) throw wrong(mount, 'must not set ReadOnly mode when using anonymous volumes');
  const name = anonymous ? anonymousName() : (mount.Source ?? '');
  return {
    point: {
      type: 'volume',
      name,
      destination: cleanPath(target),
      writable: mount.ReadOnly !== true,
      mode: 'z',
      anonymous,
      copyUp: options.NoCopy !== true,
      subpath,
      propagation: '',
    },
    volume: {
      name,
      driver: options.DriverConfig?.Name ?? '',
      labels: anonymous ? { ...options.Labels, [ANONYMOUS_LABEL]: '' } : (options.Labels ?? null),
      options: options.DriverConfig?.Options ?? null,
    },
  };
}

function parseTmpfs(mount: MountRequest, target: string): TmpfsPoint {
  if (given(mount.BindOptions)) throw wrong(mount, 'field BindOptions must not be specified');
  if ((mount.Source ?? '') !== '') throw wrong(mount, 'field Source must not be specified');
  return {
    type: 'tmpfs',
    destination: cleanPath(target),
    writable: mount.ReadOnly !== true,
    mode: '',
    options: tmpfsOptionsOf(mount, (reason) => wrong(mount, reason)),
  };
}

/** Docker's name for what nobody named. */
export function anonymousName(): string {
  return randomBytes(32).toString('hex');
}

/** Go's path.Clean. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 ? clean.replace(/\/$/, '') : clean;
}

export function wrong({ Type: type }: Pick<MountRequest, 'Type'>, reason: string): AbodeError {
  return invalid(`invalid mount config for type ${JSON.stringify(type ?? '')}: ${reason}`);
}

function checkAbsolute(mount: MountRequest, path: string): void {
  if (!path.startsWith('/')) throw wrong(mount, `invalid mount path: '${path}' mount path must be absolute`);
  if (path.includes('\0')) throw wrong(mount, 'invalid mount path: it has a NUL byte');
}

function given(options: object | null | undefined): boolean {
  return options !== undefined && options !== null;
}

/** Go's filepath.IsLocal. */
function isLocal(path: string): boolean {
  const clean = posix.normalize(path);
  return !path.startsWith('/') && clean !== '..' && !clean.startsWith('../') && !path.includes('\0');
}
