/** A guest's kernel, as the file server sees one: FUSE requests over a socket, well made or not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const AGENT: string = join(import.meta.dirname, '..', '..', 'build', 'agent', 'abode-agent');

export const Op = {
  LOOKUP: 1,
  GETATTR: 3,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  RELEASE: 18,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  SETLK: 32,
  SETLKW: 33,
  CREATE: 35,
  INTERRUPT: 36,
} as const;

export interface Answer {
  /** 0, or a negative errno. */
  readonly error: number;
  readonly content: Buffer;
}

export class FilesClient implements AsyncDisposable {
  readonly directory: string;
  readonly server: ChildProcess;
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  readonly #answers = new Map<bigint, Answer>();
  #unique = 1n;
  stderr = '';

  private constructor(directory: string, server: ChildProcess, socket: Socket) {
    this.directory = directory;
    this.server = server;
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#take();
    });
    server.stderr?.setEncoding('utf8').on('data', (said: string) => (this.stderr += said));
  }

  static async start(): Promise<FilesClient> {
    const directory = mkdtempSync(join(tmpdir(), 'abode-files-'));
    const listening = createServer();
    listening.listen(join(directory, '..', `${directory.split('/').at(-1) ?? ''}.sock`));
    await once(listening, 'listening');
    const connected = once(listening, 'connection') as Promise<[Socket]>;
    // A socket pair by way of a name: Node has no other.
    const path = `${directory}.sock`;
    const server = spawn(
      'python3',
      [
        '-c',
        'import os,socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\nos.dup2(os.dup(s.fileno()),3)\nos.execv(sys.argv[2],[sys.argv[2],"share",sys.argv[3]])',
        path,
        AGENT,
        directory,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const [socket] = await connected;
    listening.close();
    rmSync(path, { force: true });
    const client = new FilesClient(directory, server, socket);
    await client.ask(Op.INIT, 0n, words32(7, 36, 131_072, 0xffff_ffff));
    return client;
  }

  /** Sends it and waits for the answer. */
  ask(opcode: number, node: bigint, body: Buffer = Buffer.alloc(0), who: { uid?: number; gid?: number } = {}): Promise<Answer> {
    return this.answer(this.send(opcode, node, body, who));
  }

  send(opcode: number, node: bigint, body: Buffer = Buffer.alloc(0), { uid = 0, gid = 0 }: { uid?: number; gid?: number } = {}): bigint {
    this.#unique += 1n;
    const head = Buffer.alloc(40);
    head.writeUInt32LE(40 + body.length, 0);
    head.writeUInt32LE(opcode, 4);
    head.writeBigUInt64LE(this.#unique, 8);
    head.writeBigUInt64LE(node, 16);
    head.writeUInt32LE(uid, 24);
    head.writeUInt32LE(gid, 28);
    this.#socket.write(Buffer.concat([head, body]));
    return this.#unique;
  }

  raw(data: Buffer): void {
    this.#socket.write(data);
  }

  answered(unique: bigint): boolean {
    return this.#answers.has(unique);
  }

  async answer(unique: bigint): Promise<Answer> {
    for (const end = Date.now() + 10_000; ;) {
      const answer = this.#answers.get(unique);
      if (answer !== undefined) return answer;
      if (this.server.exitCode !== null || Date.now() > end)
        throw new Error(`no answer; the server ${this.server.exitCode === null ? 'lives' : `ended: ${this.stderr}`}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** The node of a name, whose lookup must succeed. */
  async node(name: string, parent = 1n): Promise<bigint> {
    const { error, content } = await this.ask(Op.LOOKUP, parent, text(name));
    if (error !== 0) throw new Error(`lookup of ${name}: ${String(error)}`);
    return content.readBigUInt64LE(0);
  }

  async open(node: bigint, flags: number): Promise<Answer & { handle: bigint }> {
    const answer = await this.ask(Op.OPEN, node, words32(flags, 0));
    return { ...answer, handle: answer.error === 0 ? answer.content.readBigUInt64LE(0) : 0n };
  }

  /** SETLK's body: a lock of the whole file. */
  static lock(handle: bigint, owner: bigint, type: number, flags = 0): Buffer {
    const body = Buffer.alloc(48);
    body.writeBigUInt64LE(handle, 0);
    body.writeBigUInt64LE(owner, 8);
    body.writeBigUInt64LE(2n ** 63n - 1n, 24);
    body.writeUInt32LE(type, 32);
    body.writeUInt32LE(flags, 40);
    return body;
  }

  #take(): void {
    while (this.#received.length >= 16) {
      const length = this.#received.readUInt32LE(0);
      if (this.#received.length < length) return;
      const error = this.#received.readInt32LE(4);
      this.#answers.set(this.#received.readBigUInt64LE(8), { error, content: Buffer.from(this.#received.subarray(16, length)) });
      this.#received = this.#received.subarray(length);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    if (this.server.exitCode === null && this.server.signalCode === null) await once(this.server, 'close');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function words32(...numbers: readonly number[]): Buffer {
  const body = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, index) => body.writeUInt32LE(number >>> 0, index * 4));
  return body;
}

export function text(...names: readonly string[]): Buffer {
  return Buffer.from(names.map((name) => `${name}\0`).join(''));
}
