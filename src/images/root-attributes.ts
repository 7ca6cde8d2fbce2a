/** The root directory of a layer whose tar does not describe it looks as in the layer below. */
import { chmod, chown, mkdir, stat, utimes } from 'node:fs/promises';

const MODE_BITS = 0o7777;

/** Makes the directory that a layer is unpacked into. */
export async function makeRoot(path: string, parent: string | undefined): Promise<void> {
  await mkdir(path, { mode: 0o755 });
  if (parent === undefined) return;
  const { mode, uid, gid } = await stat(parent);
  await chown(path, uid, gid);
  await chmod(path, mode & MODE_BITS);
}

/** Unpacking touches the root's time; one that the tar did not set is the parent's, or 0: the same on every machine. */
export async function settleRootTime(path: string, parent: string | undefined, startedMs: number): Promise<void> {
  if ((await stat(path)).mtimeMs < startedMs) return;
  const mtime = parent === undefined ? 0 : (await stat(parent)).mtimeMs / 1000;
  await utimes(path, mtime, mtime);
}
