/** The root directory of a layer whose tar does not describe it looks as in the layer below. */
import { chmod, chown, mkdir, stat, utimes } from 'node:fs/promises';

const MODE_BITS = 0o7777;

/** Makes the directory that a layer is unpacked into; gives its time, by the clock of the filesystem, which may be behind the other. */
export async function makeRoot(path: string, parent: string | undefined): Promise<number> {
  await mkdir(path, { mode: 0o755 });
  if (parent !== undefined) {
    const { mode, uid, gid } = await stat(parent);
    await chown(path, uid, gid);
    await chmod(path, mode & MODE_BITS);
  }
  return (await stat(path)).mtimeMs;
}

/** Unpacking touches the root's time; one that the tar did not set is the parent's, or 0: the same on every machine. */
export async function settleRootTime(path: string, parent: string | undefined, startedMs: number): Promise<void> {
  if ((await stat(path)).mtimeMs < startedMs) return;
  const mtime = parent === undefined ? 0 : (await stat(parent)).mtimeMs / 1000;
  await utimes(path, mtime, mtime);
}
