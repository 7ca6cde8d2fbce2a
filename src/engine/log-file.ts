/** One file of a log, held open: a rotation renames it and in the end takes it away, but what is in it stays readable here. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { hasErrno } from '../base/errors.ts';

const BLOCK = 256 * 1024;
const NEWLINE = 10;

export class LogFile {
  /** Not given to another file while this one is open. */
  readonly inode: number;
  readonly #handle: FileHandle;
  /** Where the next line begins. */
  #position = 0;

  private constructor(handle: FileHandle, inode: number) {
    this.#handle = handle;
    this.inode = inode;
  }

  /** Undefined where there is none. */
  static async open(path: string): Promise<LogFile | undefined> {
    try {
      const handle = await open(path, 'r');
      return new LogFile(handle, (await handle.stat()).ino);
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  /** Goes to where the last `count` whole lines begin; gives how many there are fewer. Read backwards: a long log costs no more than its end. */
  async seekTail(count: number): Promise<number> {
    const size = await this.size();
    let seen = 0;
    for (let end = size; end > 0; end = Math.max(0, end - BLOCK)) {
      const start = Math.max(0, end - BLOCK);
      const block = Buffer.alloc(end - start);
      await this.#handle.read(block, 0, block.length, start);
      for (let at = block.lastIndexOf(NEWLINE); at >= 0; at = at === 0 ? -1 : block.lastIndexOf(NEWLINE, at - 1)) {
        // Each newline ends a line, so it is the one before the first wanted that is looked for.
        if (seen === count) {
          this.#position = start + at + 1;
          return 0;
        }
        seen += 1;
      }
    }
    this.#position = 0;
    return count - seen;
  }

  /** Whole lines up to `end`, many at a time; one that is being written is left for the next time. */
  async *lines(end: number): AsyncGenerator<string[]> {
    let rest = Buffer.alloc(0);
    for (let at = this.#position; at < end;) {
      const block = Buffer.allocUnsafe(BLOCK);
      const { bytesRead } = await this.#handle.read(block, 0, Math.min(BLOCK, end - at), at);
      if (bytesRead === 0) return;
      at += bytesRead;
      const data = Buffer.concat([rest, block.subarray(0, bytesRead)]);
      const last = data.lastIndexOf(NEWLINE);
      rest = Buffer.from(data.subarray(last + 1));
      if (last < 0) continue;
      this.#position += last + 1;
      yield data.toString('utf8', 0, last).split('\n');
    }
  }
}

/** The files of a log as they are at one moment, the oldest first; `path.1` is the newest of those rotated. */
export async function openLogFiles(path: string, maxFiles: number): Promise<LogFile[]> {
  const names = [path, ...Array.from({ length: Math.max(0, maxFiles - 1) }, (_, index) => `${path}.${String(index + 1)}`)];
  for (;;) {
    const before = await inodeOf(path);
    const files: LogFile[] = [];
    // The newest first: what is rotated meanwhile is met again, not missed.
    for (const name of names) {
      const file = await LogFile.open(name);
      if (file === undefined) continue;
      if (files.some(({ inode }) => inode === file.inode)) await file.close();
      else files.unshift(file);
    }
    // After two rotations a name has a newer file than the one before it had: the order would be wrong.
    if (before === (await inodeOf(path))) return files;
    await Promise.all(files.map((file) => file.close()));
  }
}

/** Undefined where there is no file by this name, as in the middle of a rotation. */
export async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
