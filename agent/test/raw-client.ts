/** A socket that sends any bytes and keeps the frames that come back in their order, answers among them. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Fields, type FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { encodeFrame, type Frame, FrameDecoder, FrameType } from '../../src/agent-client/frame.ts';
import { until } from './shim-fixture.ts';

export class RawClient implements Disposable {
  readonly frames: Frame[] = [];
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.frames.push(...this.#decoder.push(chunk));
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      this.#closed = true;
    });
  }

  static async open(path: string): Promise<RawClient> {
    const socket = connect(path);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  request(type: number, request: number, fields?: FieldsBuilder, proc = 0): void {
    this.send(encodeFrame({ type, request, proc, payload: fields?.build() ?? Buffer.alloc(0) }));
  }

  /** Waits for the answer to this request. */
  async answer(request: number): Promise<Frame> {
    const find = (): Frame | undefined => this.frames.find((frame) => frame.request === request);
    await until(() => find() !== undefined, `the answer to request ${String(request)}`);
    return find() as Frame;
  }

  async errorCode(request: number): Promise<string | undefined> {
    const frame = await this.answer(request);
    return frame.type === FrameType.ERROR ? Fields.parse(frame.payload).string(Tag.CODE) : undefined;
  }

  async closed(): Promise<void> {
    await until(() => this.#closed, 'the end of the connection');
  }

  /** The names of the frames, with their streams. */
  names(): string[] {
    const nameOf = (type: number): string => Object.entries(FrameType).find(([, candidate]) => candidate === type)?.[0] ?? String(type);
    return this.frames.map((frame) => `${nameOf(frame.type)} ${String(frame.stream)}`);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
