/** One of the agent's own commands, beside a container and not in it: a connection that carries its streams, and ends with it. */
import { randomInt } from 'node:crypto';
import { AgentConnection } from '../agent-client/connection.ts';
import { Fields, FieldsBuilder, Tag } from '../agent-client/fields.ts';
import { type Frame, FrameType, MAX_DATA, STDERR, STDIN, STDOUT } from '../agent-client/frame.ts';
import { AbodeError } from '../base/errors.ts';

/** What the command said before it failed: `code` is the agent's word for it. */
export class HelperError extends AbodeError {
  readonly helperCode: string;

  constructor(helperCode: string, message: string) {
    super('internal', message);
    this.name = 'HelperError';
    this.helperCode = helperCode;
  }
}

/** Bytes read ahead of a consumer before the shim is made to wait. */
const READ_AHEAD = 256 * 1024;
const MAX_STDERR = 4096;
const STDIN_OPEN = 2;
const SIGKILL = 9;

/** Above all of the engine's numbers. */
const FIRST_PROC = 0xf000_0000;
const PROCS = 0x0fff_0000;

export class Helper {
  readonly #connection: AgentConnection;
  readonly #proc: number;
  readonly #queue: Buffer[] = [];
  readonly #end = Promise.withResolvers<undefined>();
  #queued = 0;
  #written = 0n;
  #stderr = '';
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(connection: AgentConnection, proc: number) {
    this.#connection = connection;
    this.#proc = proc;
    this.#end.promise.catch(() => undefined); // who asks is told
    connection.on('frame', (frame) => {
      this.#receive(frame);
    });
    connection.on('close', () => {
      this.#finish(new AbodeError('unavailable', 'the sandbox ended meanwhile'));
    });
  }

  /** `words` are a command of the agent's binary and its arguments. */
  static async start(socket: string, words: readonly string[], { input }: { input: boolean }): Promise<Helper> {
    const helper = new Helper(await AgentConnection.open(socket), FIRST_PROC + randomInt(PROCS));
    const connection = helper.#connection;
    try {
      const mask = (input ? 1 : 0) | 2 | 4;
      await connection.request(FrameType.ATTACH, new FieldsBuilder().add(Tag.STREAMS, mask), helper.#proc);
      const fields = new FieldsBuilder().addAll(Tag.ARG, words).add(Tag.STDIO, input ? STDIN_OPEN : 0);
      await connection.request(FrameType.START_HELPER, fields, helper.#proc);
    } catch (error) {
      connection.close();
      throw error;
    }
    return helper;
  }

  /** What it writes, to its end; then throws what it failed with. */
  async *output(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const chunk = this.#queue.shift();
        if (chunk !== undefined) {
          this.#queued -= chunk.length;
          if (this.#queued <= READ_AHEAD) this.#connection.resume();
          yield chunk;
        } else if (this.#ended) {
          await this.#end.promise;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.close();
    }
  }

  /** Everything it writes; for commands that write little. */
  async text(): Promise<string> {
    return Buffer.concat(await Array.fromAsync(this.output())).toString('utf8');
  }

  get ended(): boolean {
    return this.#ended;
  }

  async write(data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; at += MAX_DATA) {
      const payload = data.subarray(at, at + MAX_DATA);
      const position = this.#written;
      this.#written += BigInt(payload.length);
      await this.#connection.send({ type: FrameType.DATA, stream: STDIN, proc: this.#proc, position, payload });
    }
  }

  async endInput(): Promise<void> {
    await this.#connection.send({ type: FrameType.EOF, stream: STDIN, proc: this.#proc, position: this.#written });
  }

  /** Ends it, if it still runs. */
  close(): void {
    if (!this.#ended && !this.#connection.closed) {
      const kill = this.#connection.request(FrameType.SIGNAL, new FieldsBuilder().add(Tag.SIGNAL, SIGKILL), this.#proc);
      void kill
        .catch(() => undefined)
        .finally(() => {
          this.#connection.close();
        });
      this.#connection.resume();
      this.#finish(new AbodeError('unavailable', 'it was ended before it was done'));
      return;
    }
    this.#connection.close();
  }

  #receive(frame: Frame): void {
    if (frame.proc !== this.#proc) return;
    if (frame.type === FrameType.DATA && frame.stream === STDOUT) {
      this.#queue.push(frame.payload);
      this.#queued += frame.payload.length;
      if (this.#queued > READ_AHEAD) this.#connection.pause();
      this.#wake();
    } else if (frame.type === FrameType.DATA && frame.stream === STDERR) {
      if (this.#stderr.length < MAX_STDERR) this.#stderr += frame.payload.toString('utf8');
    } else if (frame.type === FrameType.EXIT) {
      const code = Fields.parse(frame.payload).number(Tag.EXIT_CODE) ?? 255;
      this.#finish(code === 0 ? undefined : this.#failure(code));
    }
  }

  #failure(code: number): HelperError {
    const [, word = 'system', message = `it failed with status ${String(code)}`] = /^([a-z-]+): (.*)/s.exec(this.#stderr.trim()) ?? [];
    return new HelperError(word, message);
  }

  #finish(error: Error | undefined): void {
    if (error === undefined) this.#end.resolve(undefined);
    else this.#end.reject(error);
    this.#ended = true;
    this.#wake();
  }
}
