/**
 * The files of an archive, in a work directory. Entries come in any order, and links name others that come later, so the
 * archive is written out first. Files are numbered: no name of the archive is ever a path of ours.
 */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { extract } from 'tar-stream';
import { invalid } from '../base/errors.ts';
import { archiveError } from './archive-error.ts';
import { writeChunk } from './write-chunk.ts';

type Entry = { readonly kind: 'file'; readonly path: string; readonly size: number } | { readonly kind: 'link'; readonly target: string };

export interface SpoolLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

const MAX_TEXT = 8 << 20;
const MAX_LINKS = 16;

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
  let failure: Error | undefined;
  tar.on('error', (error: Error) => {
    failure ??= error;
  });
  const feeding = feed(archive, tar);
  let seen = 0;
  let bytes = 0;
  try {
    for await (const entry of tar) {
      const { name, type, linkname, size } = entry.header;
      seen += 1;
      if (seen > limits.maxEntries) throw invalid(`the archive holds more than ${String(limits.maxEntries)} files`);
      const key = normalise(name);
      if (type === 'symlink')
        entries.set(key, {
          kind: 'link',
          target: normalise(posix.join(posix.dirname(key), linkname ?? '')),
        });
      else if (type === 'link') entries.set(key, { kind: 'link', target: normalise(linkname ?? '') });
      if (type === 'file' || type === 'contiguous-file') {
        bytes += size;
        if (bytes > limits.maxBytes) throw invalid(`the archive holds more than ${String(limits.maxBytes)} bytes`);
        const path = join(directory, String(seen));
        await writeEntry(path, entry as AsyncIterable<Uint8Array>);
        entries.set(key, { kind: 'file', path, size });
      } else {
        entry.resume();
      }
    }
  } catch (error) {
    tar.destroy();
    // The first cause: the input's own error, then the parser's; an entry only tells that it was cut off.
    throw (await feeding) ?? failure ?? error;
  }
  const cause = await feeding;
  if (cause !== undefined) throw cause;
  return entries;
}

async function writeEntry(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of content) {
    let at = 0;
    while (at < chunk.length) at += (await file.write(chunk, at)).bytesWritten;
  }
}

/** Feeds the parser; gives the source's own error, if there was one. */
async function feed(source: AsyncIterable<Buffer>, tar: ReturnType<typeof extract>): Promise<Error | undefined> {
  try {
    for await (const chunk of source) if (!(await writeChunk(tar, chunk))) return undefined;
    tar.end(undefined);
    return undefined;
  } catch (error) {
    const cause = archiveError(error);
    tar.destroy(cause);
    return cause;
  }
}

/** The name without `./` and double slashes; refused when it leaves the archive. */
function normalise(name: string): string {
  const clean = posix.normalize(name).replace(/\/+$/, '');
  if (clean === '..' || clean.startsWith('../') || clean.startsWith('/'))
    throw invalid(`invalid archive: the name ${JSON.stringify(name)} leaves it`);
  return clean;
}
