/** One connection to a shim: requests with their answers, and the events that come in between. */
import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { AbodeError } from '../base/errors.ts';
import { withDeadline } from '../base/deadline.ts';
import { Fields, FieldsBuilder, Tag } from './fields.ts';
import { encodeFrame, type Frame, FrameDecoder, FrameType } from './frame.ts';

/** An ERROR answer; `agentCode` is the protocol's word (`not-found`, `runtime`, …). */
export class AgentError extends AbodeError {
  readonly agentCode: string;
  readonly errno: number;

  constructor(agentCode: string, message: string, errno: number) {
    super('internal', message);
    this.name = 'AgentError';
    this.agentCode = agentCode;
    this.errno = errno;
  }
}

interface Waiting {
  resolve(fields: Fields): void;
  reject(error: Error): void;
}

interface Events {
  /** DATA, EOF, EXIT and SANDBOX_EXIT frames. */
  frame: [Frame];
  close: [];
}

export class AgentConnection extends EventEmitter<Events> {
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #closed = false;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('error', () => undefined); // 'close' follows and tells those who wait
    socket.on('close', () => {
      this.#end();
    });
  }

  /** Connects to a shim's socket and greets it. */
  static async open(path: string, deadlineMs = 5000): Promise<AgentConnection> {
    const socket = connect(path);
    await withDeadline(
      new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      }),
      deadlineMs,
      `connecting to the shim at ${path}`,
    );
    const connection = new AgentConnection(socket);
    await withDeadline(connection.hello(), deadlineMs, `the greeting of the shim at ${path}`);
    return connection;
  }

  get closed(): boolean {
    return this.#closed;
  }

  hello(): Promise<Fields> {
    return this.request(FrameType.HELLO, new FieldsBuilder().add(Tag.SESSION, Date.now()));
  }

  /** Sends a request; rejects with AgentError when it is refused, and when the connection ends before the answer. */
  request(type: FrameType, fields: FieldsBuilder = new FieldsBuilder(), proc = 0): Promise<Fields> {
    if (this.#closed) return Promise.reject(closedError());
    const request = this.#next;
    this.#next = (this.#next % 0xffff_fffe) + 1;
    const answer = new Promise<Fields>((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject });
    });
    this.#socket.write(encodeFrame({ type, proc, request, payload: fields.build() }));
    return answer;
  }

  /** Sends a frame without an answer; resolves when the socket took it. */
  send(frame: Partial<Frame> & { type: number }): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#socket.write(encodeFrame(frame))) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
    });
  }

  /** Back-pressure: a paused connection leaves bytes with the shim. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#decoder.push(chunk)) this.#dispatch(frame);
    } catch {
      this.close();
    }
  }

  #dispatch(frame: Frame): void {
    if (frame.type !== FrameType.OK && frame.type !== FrameType.ERROR) {
      this.emit('frame', frame);
      return;
    }
    const waiting = this.#waiting.get(frame.request);
    if (waiting === undefined) return;
    // A malformed answer ends the connection, which refuses this request too: so it must still be waiting.
    const fields = Fields.parse(frame.payload);
    this.#waiting.delete(frame.request);
    if (frame.type === FrameType.OK) waiting.resolve(fields);
    else
      waiting.reject(
        new AgentError(
          fields.string(Tag.CODE) ?? 'unknown',
          fields.string(Tag.MESSAGE) ?? 'the agent gave no reason',
          fields.number(Tag.ERRNO) ?? 0,
        ),
      );
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const waiting of this.#waiting.values()) waiting.reject(closedError());
    this.#waiting.clear();
    this.emit('close');
  }
}

function closedError(): AbodeError {
  return new AbodeError('unavailable', 'the connection to the shim ended');
}
