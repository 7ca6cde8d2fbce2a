/**
 * The files of an archive, in a work directory. Entries come in any order, and links name others that come later, so the
 * archive is written out first. Files are numbered: no name of the archive is ever a path of ours.
 */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { extract } from 'tar-stream';
import { invalid } from '../base/errors.ts';
import { archiveError, corrupt } from './archive-error.ts';
import { writeChunk } from './write-chunk.ts';

type Entry = { readonly kind: 'file'; readonly path: string; readonly size: number } | { readonly kind: 'link'; readonly target: string };

export interface SpoolLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

const MAX_TEXT = 8 << 20;
const MAX_LINKS = 16;
/** tar-stream keeps a whole extended header in memory: this much input without an entry is none that a tool wrote. */
const MAX_HEADER = 4 << 20;

export class Spool {
  readonly #entries: ReadonlyMap<string, Entry>;

  private constructor(entries: ReadonlyMap<string, Entry>) {
    this.#entries = entries;
  }

  static async fill(archive: AsyncIterable<Buffer>, directory: string, limits: SpoolLimits): Promise<Spool> {
    try {
      return new Spool(await writeEntries(archive, directory, limits));
    } catch (error) {
      throw archiveError(error);
    }
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** A small file whole. */
  async text(name: string): Promise<string> {
    const { path, size } = this.#get(name);
    if (size > MAX_TEXT) throw invalid(`${name} in the archive is larger than ${String(MAX_TEXT)} bytes`);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
    } catch (error) {
      if (error instanceof TypeError) throw invalid(`${name} in the archive is not UTF-8`);
      throw error;
    }
  }

  size(name: string): number {
    return this.#get(name).size;
  }

  open(name: string): AsyncIterable<Buffer> {
    return createReadStream(this.#get(name).path, { highWaterMark: 1 << 19 });
  }

  #get(name: string): { path: string; size: number } {
    const entry = this.#find(name);
    if (entry === undefined) throw invalid(`invalid archive: ${name}: no such file`);
    return entry;
  }

  #find(name: string): { path: string; size: number } | undefined {
    let entry = this.#entries.get(normalise(name));
    for (let links = 0; entry?.kind === 'link' && links < MAX_LINKS; links += 1) entry = this.#entries.get(entry.target);
    return entry?.kind === 'file' ? entry : undefined;
  }
}

async function writeEntries(archive: AsyncIterable<Buffer>, directory: string, limits: SpoolLimits): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  const tar = extract();
  const input = new Input(archive);
  const feeding = input.feed(tar);
  let seen = 0;
  let bytes = 0;
  try {
    for await (const entry of tar) {
      input.progress();
      const { name, type, linkname, size = 0 } = entry.header;
      seen += 1;
      if (seen > limits.maxEntries) throw invalid(`the archive holds more than ${String(limits.maxEntries)} files`);
      const key = normalise(name);
      if (type === 'symlink') entries.set(key, { kind: 'link', target: normalise(posix.join(posix.dirname(key), linkname ?? '')) });
      else if (type === 'link') entries.set(key, { kind: 'link', target: normalise(linkname ?? '') });
      if (type === 'file' || type === 'contiguous-file') {
        bytes += size;
        if (bytes > limits.maxBytes) throw invalid(`the archive holds more than ${String(limits.maxBytes)} bytes`);
        const path = join(directory, String(seen));
        await writeEntry(path, entry as AsyncIterable<Uint8Array>, input);
        entries.set(key, { kind: 'file', path, size });
      } else {
        entry.resume();
      }
    }
  } catch (error) {
    // The input's own error comes first: the tar's is then only that it was cut off.
    throw input.error ?? error;
  } finally {
    tar.destroy();
    await feeding;
  }
  if (input.error !== undefined) throw input.error;
  return entries;
}

async function writeEntry(path: string, content: AsyncIterable<Uint8Array>, input: Input): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of content) {
    input.progress();
    let at = 0;
    while (at < chunk.length) at += (await file.write(chunk, at)).bytesWritten;
  }
}

/** Feeds the parser, and stops when it only swallows. */
class Input {
  error: Error | undefined;
  #fed = 0;
  #mark = 0;
  readonly #source: AsyncIterable<Buffer>;

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source;
  }

  progress(): void {
    this.#mark = this.#fed;
  }

  async feed(tar: ReturnType<typeof extract>): Promise<void> {
    try {
      for await (const chunk of this.#source) {
        this.#fed += chunk.length;
        if (this.#fed - this.#mark > MAX_HEADER && chunk.some((byte) => byte !== 0)) throw corrupt('archive/tar: header field too long');
        if (!(await writeChunk(tar, chunk))) return;
      }
      tar.end(undefined);
    } catch (error) {
      this.error = archiveError(error);
      tar.destroy(this.error);
    }
  }
}

/** The name without `./` and double slashes; refused when it leaves the archive. */
function normalise(name: string): string {
  const clean = posix.normalize(name).replace(/\/+$/, '');
  if (clean === '..' || clean.startsWith('../') || clean.startsWith('/')) throw invalid(`invalid archive: the name ${JSON.stringify(name)} leaves it`);
  return clean;
}
