import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { AbodeError } from '../base/errors.ts';
import { decompressZstd } from './zstd-frames.ts';

/** A layer's tar as it once came. What no longer has its digest ends in an error instead of an end. */
export function openTar(path: string, diffId: string): Readable {
  return Readable.from(checked(path, diffId), { objectMode: false });
}

async function* checked(path: string, diffId: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of decompressZstd(createReadStream(path, { highWaterMark: 1 << 19 }))) {
    hash.update(chunk);
    yield chunk;
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== diffId) throw new AbodeError('internal', `the layer ${diffId} was changed on disk: ${path}`);
}
