/** A template's RAM: on the disk as a sparse file known by its hash, in use as a sealed memory file that nobody can write to. */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { closeSync, ftruncateSync, fstatSync, readSync, writeSync } from 'node:fs';
import { setImmediate as immediate } from 'node:timers/promises';
import { AbodeError } from '../../base/errors.ts';
import { createMemoryFile, dataExtents, type Extent, sealMemoryFile } from './system-calls.ts';

const CHUNK = 4 << 20;
const GROWTH = 32 << 20;

export class TemplateMemory {
  readonly #fd: number;
  /** What the template wrote: all else reads as zero. */
  readonly #extents: readonly Extent[];
  readonly #sealedBytes: number;

  private constructor(fd: number) {
    this.#fd = fd;
    this.#extents = [...dataExtents(fd)];
    this.#sealedBytes = this.bytes;
  }

  /** Pages that hold something: also those of zeroes that a clone's first touch of a hole made here. */
  get bytes(): number {
    return fstatSync(this.#fd).blocks * 512;
  }

  /** Whether clones have made it much larger than the template is. */
  get isGrown(): boolean {
    return this.bytes > this.#sealedBytes + Math.max(GROWTH, this.#sealedBytes / 4);
  }

  /** The same content without the pages that clones made; this one stays as it is for those that use it. */
  async trimmed(): Promise<TemplateMemory> {
    const { fd } = TemplateMemory.create(fstatSync(this.#fd).size);
    try {
      for (const { offset, length } of chunks(this.#extents)) {
        const data = Buffer.allocUnsafe(length);
        readSync(this.#fd, data, 0, length, offset);
        writeSync(fd, data, 0, length, offset);
        await immediate();
      }
      return TemplateMemory.seal(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** As another process opens it; valid while this one lives. */
  get path(): string {
    return memoryPath(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Makes the file that a booting machine uses as its RAM. */
  static create(bytes: number): { fd: number; path: string } {
    const fd = createMemoryFile('abode-template');
    ftruncateSync(fd, bytes);
    return { fd, path: memoryPath(fd) };
  }

  /** After the machine is gone: nothing can change the RAM any more. */
  static seal(fd: number): TemplateMemory {
    sealMemoryFile(fd);
    return new TemplateMemory(fd);
  }

  /** Writes it to the disk; gives its hash. */
  async save(path: string, size: number): Promise<string> {
    const file = await open(`${path}.tmp`, 'w', 0o600);
    const hash = createHash('sha256');
    try {
      await file.truncate(size);
      for (const chunk of chunks(dataExtents(this.#fd))) {
        const data = Buffer.allocUnsafe(chunk.length);
        readSync(this.#fd, data, 0, chunk.length, chunk.offset);
        digest(hash, chunk, data);
        await file.write(data, 0, data.length, chunk.offset);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.tmp`, path);
    return hash.digest('hex');
  }

  /** Reads it back, verified; an `internal` error when it is not what was saved. */
  static async load(path: string, size: number, expected: string): Promise<TemplateMemory> {
    const file = await open(path, 'r');
    const { fd } = TemplateMemory.create(size);
    try {
      const actual = await copy(file, fd);
      if (actual !== expected)
        throw new AbodeError('internal', `${path} is not what was saved: its hash is ${actual}, expected ${expected}`);
      return TemplateMemory.seal(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    } finally {
      await file.close();
    }
  }
}

async function copy(file: FileHandle, target: number): Promise<string> {
  const hash = createHash('sha256');
  for (const chunk of chunks(dataExtents(file.fd))) {
    const data = Buffer.allocUnsafe(chunk.length);
    await file.read(data, 0, chunk.length, chunk.offset);
    digest(hash, chunk, data);
    writeSync(target, data, 0, data.length, chunk.offset);
  }
  return hash.digest('hex');
}

/** Pages are hashed with their place; those of zeroes may or may not be holes, so they do not count. */
function digest(hash: ReturnType<typeof createHash>, chunk: Extent, data: Buffer): void {
  const zero = Buffer.alloc(4096);
  for (let at = 0; at < data.length; at += 4096) {
    const page = data.subarray(at, at + 4096);
    if (!page.equals(zero)) hash.update(`${String(chunk.offset + at)}:`).update(page);
  }
}

function* chunks(extents: Iterable<Extent>): Generator<Extent> {
  for (const { offset, length } of extents) {
    for (let at = 0; at < length; at += CHUNK) yield { offset: offset + at, length: Math.min(CHUNK, length - at) };
  }
}

function memoryPath(fd: number): string {
  return `/proc/${String(process.pid)}/fd/${String(fd)}`;
}
