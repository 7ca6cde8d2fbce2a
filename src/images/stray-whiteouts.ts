/**
 * Whiteouts in directories that no layer below has. They hide nothing, and overlayfs, which passes such a directory through
 * as it is, lists them under names that cannot be opened.
 */
import { lstat, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasErrno } from '../base/errors.ts';
import { isOpaque } from './opaque.ts';

/** `whiteouts` are paths below `layer`; `below` the layers under it, topmost first. */
export async function removeStrayWhiteouts(layer: string, below: readonly string[], whiteouts: readonly string[]): Promise<void> {
  const merged = new Map<string, Promise<boolean>>();
  for (const path of whiteouts) {
    const parent = dirname(path);
    const known = merged.get(parent) ?? isMerged(layer, below, parent);
    merged.set(parent, known);
    if (!(await known)) await unlinkQuietly(join(layer, path));
  }
}

/** Follows the path down through the layers, each as far as those above let it be seen. */
async function isMerged(layer: string, below: readonly string[], directory: string): Promise<boolean> {
  let visible = below;
  const segments = directory === '.' ? [] : directory.split('/');
  for (const end of segments.keys()) {
    const path = join(...segments.slice(0, end + 1));
    visible = isOpaque(join(layer, path)) ? [] : await seenThrough(visible, path);
  }
  return visible.length > 0;
}

async function seenThrough(layers: readonly string[], path: string): Promise<string[]> {
  const seen: string[] = [];
  for (const layer of layers) {
    const kind = await kindOf(join(layer, path));
    if (kind === 'other') break;
    if (kind === 'directory') seen.push(layer);
    if (kind === 'directory' && isOpaque(join(layer, path))) break;
  }
  return seen;
}

async function kindOf(path: string): Promise<'directory' | 'other' | 'none'> {
  try {
    return (await lstat(path)).isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return 'none';
    throw error;
  }
}

/** The directory keeps the time that the layer gives it. */
async function unlinkQuietly(path: string): Promise<void> {
  const parent = dirname(path);
  const { atimeMs, mtimeMs } = await stat(parent);
  await unlink(path);
  await utimes(parent, atimeMs / 1000, mtimeMs / 1000);
}
