/** What is mounted from the host must be there, and where it is to be shared, be shared. */
import { mkdir, realpath, stat } from 'node:fs/promises';
import { AbodeError, hasErrno, messageOf } from '../../base/errors.ts';
import { findMount, readMountTable } from './mount-table.ts';
import type { BindPoint, MountPoint } from './mount-point.ts';
import { wrong } from './parse-mount.ts';

/** At create and, since time has passed, again at start. */
export async function checkSources(points: readonly MountPoint[]): Promise<void> {
  for (const point of points) {
    if (point.type === 'bind' && !point.makeSource && !(await isThere(point.source)))
      throw wrong({ Type: 'bind' }, `bind source path does not exist: ${point.source}`);
  }
}

/** At start: directories that `-v` names and nobody made. */
export async function makeSources(points: readonly MountPoint[]): Promise<void> {
  for (const point of points) {
    if (point.type !== 'bind') continue;
    if (point.makeSource) await makeSource(point.source);
    if (/slave|shared/.test(point.propagation)) await checkPropagation(point);
  }
}

async function makeSource(source: string): Promise<void> {
  if (await isThere(source)) return;
  try {
    await mkdir(source, { recursive: true, mode: 0o755 });
  } catch (error) {
    const reason = messageOf(error).replace(/^[A-Z]+: /, '');
    throw new AbodeError('internal', `error while creating mount source path '${source}': ${reason}`, { cause: error });
  }
}

async function checkPropagation({ source, propagation }: BindPoint): Promise<void> {
  const path = await realpath(source);
  const mount = findMount(await readMountTable(), path);
  const shared = mount?.shared === true;
  if (shared || (mount?.slave === true && propagation.endsWith('slave'))) return;
  const wanted = propagation.endsWith('shared') ? 'a shared mount' : 'a shared or slave mount';
  throw new AbodeError('internal', `path ${path} is mounted on ${mount?.target ?? '/'} but it is not ${wanted}`);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
