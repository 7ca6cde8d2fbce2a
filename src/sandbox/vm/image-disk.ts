/** An image's disk as a VM's device: of the nominal size that templates know, and able to take the placeholder's place. */
import { open } from 'node:fs/promises';
import { AbodeError } from '../../base/errors.ts';
import { EROFS_BLOCK, emptyErofs, rootDirectoryOf } from './erofs.ts';

/** Fixed, since a template's devices have it; a sparse file takes only what is written. */
export const IMAGE_DISK_BYTES: number = 256 * 2 ** 30;

/** The last block holds the root directory as a template's guest looks for it. */
const ROOT_POSITION = IMAGE_DISK_BYTES - EROFS_BLOCK;

/** Gives the file its nominal size and its last block. Whether a guest that mounted the placeholder can go on with this image. */
export async function padImageDisk(path: string): Promise<boolean> {
  await using file = await open(path, 'r+');
  const { size } = await file.stat();
  if (size > IMAGE_DISK_BYTES) throw new AbodeError('invalid', `the image's disk ${path} is larger than ${String(IMAGE_DISK_BYTES)} bytes`);
  if (size === IMAGE_DISK_BYTES && (await hasRoot(file))) return true;
  const root = await rootDirectoryOf(file);
  if (root === undefined) await file.truncate(IMAGE_DISK_BYTES);
  else await file.write(root, 0, root.length, ROOT_POSITION);
  return root !== undefined;
}

async function hasRoot(file: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  const first = Buffer.alloc(8);
  await file.read(first, 0, first.length, ROOT_POSITION);
  return first.some((byte) => byte !== 0);
}

/** An image with nothing in it, which templates mount. */
export async function writePlaceholder(path: string): Promise<void> {
  const { head, root } = emptyErofs(ROOT_POSITION / EROFS_BLOCK);
  await using file = await open(path, 'w', 0o600);
  await file.write(head, 0, head.length, 0);
  await file.write(root, 0, root.length, ROOT_POSITION);
}
