/** Docker's multiplexed stream: before each piece of output eight bytes say which stream it is of and how long. */
import type { OutputChunk } from '../../engine/api.ts';

const RAW_STREAM = 'application/vnd.docker.raw-stream';
const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

function frameHeader(stream: OutputChunk['stream'], length: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stderr' ? 2 : 1;
  header.writeUInt32BE(length, 4);
  return header;
}

/** The pieces to write for a chunk; a terminal's output has no frames. */
export function frameChunk(chunk: OutputChunk, tty: boolean): Buffer[] {
  return tty ? [chunk.data] : [frameHeader(chunk.stream, chunk.data.length), chunk.data];
}

/** Clients before 1.42 know one name for both forms. */
export function streamType(tty: boolean, apiMinor: number): string {
  return !tty && apiMinor >= 42 ? MULTIPLEXED_STREAM : RAW_STREAM;
}
