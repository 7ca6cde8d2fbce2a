/** A WebSocket as the channel of an attached process: what comes is its input, what it writes goes out, each to the end of its frame. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { invalid } from '../../base/errors.ts';
import { encodeClose, encodeFrame, FrameReader, NORMAL, type Opcode, OPCODE, PROTOCOL_ERROR } from './websocket-frames.ts';
import { writeTo } from './write.ts';

/** RFC 6455, section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The lines of the answer that accepts the handshake; an error says what is wrong with it. */
export function acceptHandshake({ headers }: Pick<IncomingMessage, 'headers'>): readonly string[] {
  const key = headers['sec-websocket-key'] ?? '';
  if (headers.upgrade?.toLowerCase() !== 'websocket') throw invalid('not websocket protocol');
  if (headers['sec-websocket-version'] !== '13') throw invalid('missing or bad WebSocket Version');
  if (Buffer.from(key, 'base64').length !== 16) throw invalid('missing or bad WebSocket key');
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  return ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
}

export class WebSocketStream {
  readonly input: Readable;
  readonly output: Writable;
  readonly #socket: Socket;
  #closed = false;

  /** Messages are sent as text or as bytes. */
  constructor(socket: Socket, opcode: Opcode) {
    this.#socket = socket;
    this.input = Readable.from(this.#read(), { objectMode: false });
    this.output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        void writeTo(socket, encodeFrame(opcode, chunk)).then(() => {
          done();
        }, done);
      },
    });
    socket.on('close', () => this.output.destroy());
  }

  /** Says goodbye, once. */
  end(code: number = NORMAL): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#socket.destroyed) this.#socket.write(encodeClose(code));
  }

  async *#read(): AsyncGenerator<Buffer> {
    const reader = new FrameReader();
    try {
      for await (const chunk of this.#socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        for (const event of reader.push(chunk)) {
          if (event.kind === 'data') yield event.data;
          else if (event.kind === 'ping') this.#socket.write(encodeFrame(OPCODE.PONG, event.data));
          else return;
        }
      }
    } catch {
      this.end(PROTOCOL_ERROR);
    }
  }
}
