/** Reads a stream to its end, cheaply. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';

export async function countBytes(stream: Readable): Promise<number> {
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
  });
  await once(stream, 'end');
  return size;
}
