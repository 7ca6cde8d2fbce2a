/** One pass over a layer's bytes: hashed, unpacked, and kept as a compressed tar for `save`. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { invalid } from '../base/errors.ts';
import { archiveError } from './archive-error.ts';
import { Unpacking } from './unpack.ts';
import { writeChunk } from './write-chunk.ts';

export interface IngestTarget {
  /** An empty directory. */
  readonly directory: string;
  /** A file to be made. */
  readonly tar: string;
}

export interface IngestOptions {
  readonly agentPath: string;
  /** More uncompressed bytes than this end it. */
  readonly maxBytes: number;
}

export interface IngestedLayer {
  readonly diffId: string;
  /** Bytes of the uncompressed tar. */
  readonly tarSize: number;
}

export async function ingestLayer(tar: AsyncIterable<Buffer>, target: IngestTarget, options: IngestOptions): Promise<IngestedLayer> {
  await using unpacking = new Unpacking(options.agentPath, target.directory);
  const hash = createHash('sha256');
  const compress = createZstdCompress({
    chunkSize: 1 << 18,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });
  const written = pipeline(compress, createWriteStream(target.tar, { flags: 'wx', mode: 0o600 }));
  written.catch(() => undefined);
  let tarSize = 0;
  try {
    for await (const chunk of tar) {
      tarSize += chunk.length;
      if (tarSize > options.maxBytes) throw invalid(`a layer is larger than ${String(options.maxBytes)} bytes unpacked`);
      hash.update(chunk);
      await unpacking.write(chunk);
      if (!(await writeChunk(compress, chunk))) await written;
    }
    compress.end();
    await unpacking.end();
    await written;
  } catch (error) {
    throw archiveError(error);
  } finally {
    compress.destroy();
    await written.catch(() => undefined);
  }
  return { diffId: `sha256:${hash.digest('hex')}`, tarSize };
}
