/** A container's streams, taken before it starts. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { Demultiplexer, type OutputListener } from './demultiplex.ts';

export class Attached implements Disposable {
  /** Resolves after the last byte of output; rejects when the connection broke. */
  readonly ended: Promise<void>;
  readonly #socket: Duplex;

  constructor(socket: Duplex, head: Buffer, listener: OutputListener) {
    this.#socket = socket;
    const demultiplexer = new Demultiplexer(listener);
    this.ended = new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', resolve);
      socket.on('end', resolve);
      socket.on('data', (chunk: Buffer) => {
        try {
          demultiplexer.push(chunk);
        } catch (error) {
          socket.destroy(error instanceof Error ? error : undefined);
        }
      });
      if (head.length > 0) demultiplexer.push(head);
    });
    // Whoever waits for it learns of it; whoever does not must not be ended by it.
    this.ended.catch(() => undefined);
  }

  async write(text: string): Promise<void> {
    if (!this.#socket.write(text)) await once(this.#socket, 'drain');
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
