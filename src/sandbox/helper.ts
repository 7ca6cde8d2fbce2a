/** One of the agent's own commands, beside a container and not in it: a connection that carries its streams, and ends with it. */
import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { AgentConnection, AgentError } from '../agent-client/connection.ts';
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

export interface HelperOptions {
  readonly input: boolean;
  /** Where a socket may be made that the command connects to, on the same machine: its bytes then go past the shim, without frames. */
  readonly channel?: string;
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
  #direct: Socket | undefined;
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
  static async start(socket: string, words: readonly string[], { input, channel }: HelperOptions): Promise<Helper> {
    const helper = new Helper(await AgentConnection.open(socket), FIRST_PROC + randomInt(PROCS));
    const connection = helper.#connection;
    const [command = '', ...rest] = words;
    try {
      await using direct = channel === undefined ? undefined : await listenOnce(channel);
      const mask = (input ? 1 : 0) | 2 | 4;
      await connection.request(FrameType.ATTACH, new FieldsBuilder().add(Tag.STREAMS, mask), helper.#proc);
      const fields = new FieldsBuilder()
        .addAll(Tag.ARG, channel === undefined ? words : [command, '--connect', channel, ...rest])
        .add(Tag.STDIO, input && channel === undefined ? STDIN_OPEN : 0);
      await connection.request(FrameType.START_HELPER, fields, helper.#proc);
      // One that did its work has connected, though its end may be heard first; one that failed may have not, and says why in the end.
      const { peer } = direct ?? {};
      if (peer !== undefined) helper.#direct = await Promise.race([peer, helper.#end.promise.then(() => peer).catch(() => undefined)]);
    } catch (error) {
      connection.close();
      throw explainUnknown(error);
    }
    return helper;
  }

  /** What it writes, to its end; then throws what it failed with. */
  async *output(): AsyncGenerator<Buffer> {
    try {
      if (this.#direct !== undefined) {
        try {
          yield* this.#direct.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
        } catch (error) {
          // What it leaves unread breaks the connection when it ends: why it ended is the news.
          await this.#end.promise;
          throw error;
        }
        await this.#end.promise;
        return;
      }
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
    if (this.#direct !== undefined) {
      await writeAll(this.#direct, data);
      return;
    }
    for (let at = 0; at < data.length; at += MAX_DATA) {
      const payload = data.subarray(at, at + MAX_DATA);
      const position = this.#written;
      this.#written += BigInt(payload.length);
      await this.#connection.send({ type: FrameType.DATA, stream: STDIN, proc: this.#proc, position, payload });
    }
  }

  async endInput(): Promise<void> {
    if (this.#direct !== undefined) {
      this.#direct.end();
      return;
    }
    await this.#connection.send({ type: FrameType.EOF, stream: STDIN, proc: this.#proc, position: this.#written });
  }

  /** Ends it, if it still runs. */
  close(): void {
    this.#direct?.destroy();
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

/** An agent outlives the daemon that started it: it may be of an earlier version, with fewer requests. */
export function explainUnknown(error: unknown): unknown {
  if (!(error instanceof AgentError && error.agentCode === 'unsupported')) return error;
  const message = 'it was started by an earlier version of Abode, whose agent cannot tell: stop it and start it again';
  return new AbodeError('conflict', message, { cause: error });
}

/** A socket for one connection; it is gone when that has come, or is not waited for any more. */
async function listenOnce(path: string): Promise<AsyncDisposable & { readonly peer: Promise<Socket> }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const peer = new Promise<Socket>((resolve) => {
    server.once('connection', (socket) => {
      socket.on('error', () => undefined); // its end says it
      resolve(socket);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    peer,
    async [Symbol.asyncDispose]() {
      server.close();
      await rm(path, { force: true });
    },
  };
}

/** Resolves when more may be written, or nobody reads any more: then the command's end says why. */
async function writeAll(to: Socket, data: Buffer): Promise<void> {
  if (to.destroyed || to.write(data)) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      to.off('drain', go);
      to.off('close', go);
      resolve();
    };
    to.on('drain', go);
    to.on('close', go);
  });
}
