/** Files that a crash may not tear: written under a temporary name, synced, renamed. */
import { randomBytes } from 'node:crypto';
import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AbodeError, hasErrno, messageOf } from './errors.ts';

/** Replaces `path` with `content` as one step that survives a power cut. */
export async function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** A directory with its parents; `mkdir` of Node, told to do that, tries for ever where a filesystem takes none (/proc). */
export async function makeDirectories(path: string, mode: number): Promise<void> {
  for (const ancestor of ancestorsOf(resolve(path))) {
    try {
      await mkdir(ancestor, { mode });
    } catch (error) {
      if (!hasErrno(error, 'EEXIST'))
        throw new AbodeError('internal', `the directory ${path} cannot be made: ${messageOf(error)}`, { cause: error });
      if (!(await stat(ancestor)).isDirectory()) throw new AbodeError('conflict', `${ancestor} is in the way: it is not a directory`);
    }
  }
}

/** From the topmost to the path itself. */
function ancestorsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...ancestorsOf(parent), path];
}

/** Makes renames and creations in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The text of a file, or undefined where there is none. */
export async function readFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
