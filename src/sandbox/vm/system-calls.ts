/** System calls that Node has no function for (koffi, docs/decisions/0002). */
import koffi from 'koffi';
import { AbodeError } from '../../base/errors.ts';

const libc = koffi.load('libc.so.6');
const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)');
const fcntl = libc.func('int fcntl(int fd, int command, ...)');
const lseek = libc.func('long lseek(int fd, long offset, int whence)');

// linux/memfd.h, linux/fcntl.h
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const F_SEAL_WRITE = 8;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = 6;

function check(result: number, call: string): number {
  if (result < 0) throw new AbodeError('internal', `${call} failed with errno ${String(koffi.errno())}`);
  return result;
}

/** An anonymous file in memory that can be sealed (memfd_create(2)). */
export function createMemoryFile(name: string): number {
  return check(memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) as number, 'memfd_create');
}

/** From now on nobody can write to it, change its size, or take the seals away. Fails while a writable shared mapping exists. */
export function sealMemoryFile(fd: number): void {
  check(fcntl(fd, F_ADD_SEALS, 'int', F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) as number, 'fcntl(F_ADD_SEALS)');
}

export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** The parts of a sparse file that hold data (lseek(2), SEEK_DATA). */
export function* dataExtents(fd: number): Generator<Extent> {
  for (let offset = 0; ;) {
    const start = Number(lseek(fd, offset, SEEK_DATA));
    if (start < 0) {
      if (koffi.errno() === ENXIO) return;
      check(start, 'lseek(SEEK_DATA)');
    }
    const end = check(Number(lseek(fd, start, SEEK_HOLE)), 'lseek(SEEK_HOLE)');
    yield { offset: start, length: end - start };
    offset = end;
  }
}
