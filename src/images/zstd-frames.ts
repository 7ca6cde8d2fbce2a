/**
 * Reads zstd streams of any number of frames. Node's decompressor ends after a frame that ends in mid-chunk and drops the
 * rest, so what it did not consume goes to a fresh one.
 */
import { type ZstdDecompress, createZstdDecompress } from 'node:zlib';

type Bytes = AsyncIterable<Buffer>;

/** Larger windows are legal but take the memory of whoever reads them (`zstd --ultra`, `--long`): 128 MiB is zstd's own limit. */
export async function* decompressZstd(source: Bytes): AsyncGenerator<Buffer> {
  const input = source[Symbol.asyncIterator]();
  const pending: { chunk: Buffer | undefined } = { chunk: undefined };
  try {
    for (let more = true; more;) {
      const frame = createZstdDecompress({ chunkSize: 1 << 18 });
      const feeding = feed(frame, input, pending).catch((error: unknown) => {
        frame.destroy(error as Error);
        return false;
      });
      yield* frame as Bytes;
      more = await feeding;
    }
  } finally {
    await input.return?.();
  }
}

/** Writes until the source or the frame ends; true when there is more for the next frame, left in `pending`. */
async function feed(frame: ZstdDecompress, input: AsyncIterator<Buffer>, pending: { chunk: Buffer | undefined }): Promise<boolean> {
  let fed = 0;
  for (;;) {
    if (pending.chunk === undefined) {
      const next = await input.next();
      if (next.done === true) {
        frame.end();
        return false;
      }
      pending.chunk = next.value;
    }
    const chunk = pending.chunk;
    fed += chunk.length;
    await writeOrEnd(frame, chunk);
    if (frame.errored !== null) return false;
    // Whether the end or the write's own callback comes first is not certain; that a frame takes all but what follows it is.
    const left = fed - frame.bytesWritten;
    pending.chunk = left > 0 ? chunk.subarray(chunk.length - left) : undefined;
    if (left > 0) return true;
    if (frame.destroyed) return false;
  }
}

/** Resolves when the chunk was taken, as far as the frame goes. */
function writeOrEnd(frame: ZstdDecompress, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      frame.off('end', settle);
      frame.off('close', settle);
      resolve();
    };
    frame.once('end', settle);
    frame.once('close', settle);
    frame.write(chunk, settle);
  });
}
