/** Docker's stream of both outputs: frames of one byte stream, three bytes 0, four bytes length (big-endian), then the data. */
import { AbodeError } from '../base/errors.ts';

export type OutputStream = 'stdout' | 'stderr';
export type OutputListener = (stream: OutputStream, data: Buffer) => void;

const HEADER = 8;

export class Demultiplexer {
  readonly #listener: OutputListener;
  #header: Buffer = Buffer.alloc(0);
  #stream: OutputStream = 'stdout';
  #missing = 0;

  constructor(listener: OutputListener) {
    this.#listener = listener;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#missing === 0) {
        rest = this.#takeHeader(rest);
      } else {
        const data = rest.subarray(0, this.#missing);
        this.#missing -= data.length;
        rest = rest.subarray(data.length);
        this.#listener(this.#stream, data);
      }
    }
  }

  #takeHeader(chunk: Buffer): Buffer {
    const wanted = HEADER - this.#header.length;
    this.#header = Buffer.concat([this.#header, chunk.subarray(0, wanted)]);
    if (this.#header.length === HEADER) {
      const stream = this.#header[0] ?? 0;
      if (stream > 2) throw new AbodeError('internal', `the engine sent a frame of the unknown stream ${String(stream)}`);
      this.#stream = stream === 2 ? 'stderr' : 'stdout';
      this.#missing = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
    return chunk.subarray(wanted);
  }
}
