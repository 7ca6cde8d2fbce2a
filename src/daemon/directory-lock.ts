/** One daemon for a directory: a lock on the directory itself, which the kernel gives up with its holder, however that ends (flock(2)). */
import { type FileHandle, open } from 'node:fs/promises';
import koffi from 'koffi';
import { AbodeError } from '../base/errors.ts';
import { readFileIfThere } from '../base/files.ts';

const flock = koffi.load('libc.so.6').func('int flock(int fd, int operation)');
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Held until the handle is closed. */
export async function lockDirectory(directory: string): Promise<FileHandle> {
  const handle = await open(directory, 'r');
  if (Number(flock(handle.fd, LOCK_EX | LOCK_NB)) === 0) return handle;
  const { ino } = await handle.stat();
  await handle.close();
  const holder = holderOf(ino, (await readFileIfThere('/proc/locks')) ?? '');
  throw new AbodeError('conflict', `a daemon${holder === undefined ? '' : ` (process ${holder})`} already uses ${directory}`, {
    hint: 'stop it with ./abode down, or give this one its own --root and --run-dir',
  });
}

/** Who holds a lock of this kind, as proc_locks(5) tells it. */
export function holderOf(inode: number, locks: string): string | undefined {
  return new RegExp(`^\\d+: FLOCK +ADVISORY +WRITE (\\d+) [0-9a-f]+:[0-9a-f]+:${String(inode)} `, 'm').exec(locks)?.[1];
}
