/** A client's end of one process's streams: its own connection to the shim, so that a slow reader blocks nobody else. */
import { type AgentConnection } from '../agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../agent-client/fields.ts';
import { type Frame, FrameType, MAX_DATA, STDERR, STDIN } from '../agent-client/frame.ts';
import type { Streams } from './sandbox.ts';

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

export interface Attachment {
  readonly tty: boolean;
  /** Ends after the process's last byte, or when the attachment is closed. */
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when the bytes were taken. */
  write(data: Buffer): Promise<void>;
  endInput(): void;
  close(): void;
}

/** Bytes read ahead of a consumer before the shim is made to wait. */
const READ_AHEAD = 256 * 1024;

export class ShimAttachment implements Attachment {
  readonly tty: boolean;
  readonly #connection: AgentConnection;
  readonly #proc: number;
  readonly #queue: OutputChunk[] = [];
  #queued = 0;
  #written = 0n;
  #ended = false;
  #wake: (() => void) | undefined;

  private constructor(connection: AgentConnection, proc: number, tty: boolean) {
    this.#connection = connection;
    this.#proc = proc;
    this.tty = tty;
    connection.on('frame', (frame) => {
      this.#receive(frame);
    });
    connection.on('close', () => {
      this.#finish();
    });
  }

  /** Takes over `connection`, which carries nothing else from now on. */
  static async attach(connection: AgentConnection, proc: number, streams: Streams, tty: boolean): Promise<ShimAttachment> {
    const attachment = new ShimAttachment(connection, proc, tty);
    const mask = (streams.stdin ? 1 : 0) | (streams.stdout ? 2 : 0) | (streams.stderr ? 4 : 0);
    try {
      await connection.request(FrameType.ATTACH, new FieldsBuilder().add(Tag.STREAMS, mask), proc);
    } catch (error) {
      connection.close();
      throw error;
    }
    return attachment;
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#chunks();
  }

  /** Whether its consumer takes less than comes, so that the process is being held up. */
  get stalled(): boolean {
    return this.#queued > READ_AHEAD;
  }

  get closed(): boolean {
    return this.#connection.closed;
  }

  async write(data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; at += MAX_DATA) {
      const payload = data.subarray(at, at + MAX_DATA);
      const position = this.#written;
      this.#written += BigInt(payload.length);
      await this.#connection.send({ type: FrameType.DATA, stream: STDIN, proc: this.#proc, position, payload });
    }
  }

  endInput(): void {
    void this.#connection.send({ type: FrameType.EOF, stream: STDIN, proc: this.#proc, position: this.#written }).catch(() => undefined);
  }

  close(): void {
    this.#connection.close();
  }

  #receive(frame: Frame): void {
    if (frame.proc !== this.#proc) return;
    if (frame.type === FrameType.DATA) {
      this.#queue.push({ stream: frame.stream === STDERR ? 'stderr' : 'stdout', data: frame.payload });
      this.#queued += frame.payload.length;
      if (this.#queued > READ_AHEAD) this.#connection.pause();
      this.#wake?.();
    } else if (frame.type === FrameType.EXIT) {
      this.#finish();
    }
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *#chunks(): AsyncGenerator<OutputChunk> {
    try {
      for (;;) {
        const chunk = this.#queue.shift();
        if (chunk !== undefined) {
          this.#queued -= chunk.data.length;
          if (this.#queued <= READ_AHEAD) this.#connection.resume();
          yield chunk;
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
        }
      }
    } finally {
      this.close();
    }
  }
}
