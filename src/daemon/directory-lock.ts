/** One daemon for a directory: a lock that the kernel gives up with its holder, however that ends (flock(2)). */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import koffi from 'koffi';
import { AbodeError } from '../base/errors.ts';

const flock = koffi.load('libc.so.6').func('int flock(int fd, int operation)');
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Held until the handle is closed. The lock's file stays: removed, two could hold one of the same name. */
export async function lockDirectory(directory: string): Promise<FileHandle> {
  const file = await open(join(directory, 'daemon.lock'), 'a+', 0o644);
  try {
    if (Number(flock(file.fd, LOCK_EX | LOCK_NB)) !== 0) {
      const holder = (await file.readFile('utf8')).trim();
      throw new AbodeError('conflict', `a daemon${holder === '' ? '' : ` (process ${holder})`} already uses ${directory}`, {
        hint: 'stop it with ./abode down, or give this one its own --root and --run-dir',
      });
    }
    await file.truncate(0);
    await file.write(`${String(process.pid)}\n`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
