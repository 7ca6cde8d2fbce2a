/** Finds out how an archive is compressed, by its first bytes, and gives what it holds. */
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { invalid } from '../base/errors.ts';
import { archiveError } from './archive-error.ts';
import { decompressZstd } from './zstd-frames.ts';

type Bytes = AsyncIterable<Buffer>;

const MAGIC_BYTES = 6;
const formats = [
  { name: 'gzip', magic: /^1f8b/, open: gunzip },
  // The second form is a frame that holds no data of ours (zstd:chunked, pzstd put such frames first).
  { name: 'zstd', magic: /^(28b52ffd|5.2a4d18)/, open: decompressZstd },
  { name: 'xz', magic: /^fd377a585a00/, open: undefined },
  { name: 'bzip2', magic: /^425a68/, open: undefined },
] as const;

/** The uncompressed bytes. Errors are AbodeErrors that say what is wrong with the archive. */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const { head, all } = await peek(source[Symbol.asyncIterator]());
  const format = formats.find(({ magic }) => magic.test(head));
  if (format !== undefined && format.open === undefined) {
    await all.return(undefined);
    throw invalid(`archives compressed with ${format.name} are not supported: give it uncompressed, or with gzip or zstd`);
  }
  try {
    yield* format === undefined ? all : format.open(all);
  } catch (error) {
    throw archiveError(error);
  }
}

async function peek(source: AsyncIterator<Uint8Array>): Promise<{ head: string; all: AsyncGenerator<Buffer> }> {
  const chunks: Buffer[] = [];
  let length = 0;
  let done = false;
  while (length < MAGIC_BYTES && !done) {
    const next = await source.next();
    done = next.done === true;
    if (!next.done) {
      chunks.push(asBuffer(next.value));
      length += next.value.length;
    }
  }
  const head = Buffer.concat(chunks);
  return { head: head.subarray(0, MAGIC_BYTES).toString('hex'), all: replay(head, source) };
}

async function* replay(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield asBuffer(next.value);
  } finally {
    await rest.return?.();
  }
}

async function* gunzip(source: Bytes): AsyncGenerator<Buffer> {
  const stream = createGunzip({ chunkSize: 1 << 18 });
  const feeding = pipeline(source, stream);
  feeding.catch(() => undefined); // the reader of `stream` gets it
  yield* stream as Bytes;
  await feeding;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
