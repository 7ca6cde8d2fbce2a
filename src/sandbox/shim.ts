/** The daemon's view of one shim: starting it, finding it again, its control connection and the exits that it tells. */
import { mkdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { AgentConnection, AgentError } from '../agent-client/connection.ts';
import { type Fields, Fields as FieldsReader, FieldsBuilder, Tag } from '../agent-client/fields.ts';
import { type Frame, FrameType } from '../agent-client/frame.ts';
import { withDeadline } from '../base/deadline.ts';
import { conflict } from '../base/errors.ts';
import { type Attachment, ShimAttachment } from './attachment.ts';
import { readExitRecord } from './exit-record.ts';
import { Helper, type HelperOptions } from './helper.ts';
import type { ProcessExit, Streams } from './sandbox.ts';
import { spawnShim } from './shim-spawner.ts';

/** How long a shim may take to answer what needs no process and no guest. */
const ANSWER_MS = 10_000;

/** How long a client may take for the last output of a process that was killed. */
const LAST_OUTPUT_MS = 2000;

interface ExpectedExit {
  readonly promise: Promise<ProcessExit>;
  resolve(exit: ProcessExit): void;
}

export class Shim {
  #directory: string;
  readonly #connection: AgentConnection;
  readonly #exits = new Map<number, ExpectedExit>();
  readonly #exitPaths = new Map<number, string>();
  readonly #attachments = new Map<number, ShimAttachment[]>();
  #reason = '';

  private constructor(directory: string, connection: AgentConnection) {
    this.#directory = directory;
    this.#connection = connection;
    connection.on('frame', (frame) => {
      this.#receive(frame);
    });
    connection.on('close', () => {
      void this.#lost();
    });
  }

  /** Starts a shim. An ephemeral one ends with this process. */
  static async spawn(agentPath: string, directory: string, { ephemeral = false }: { ephemeral?: boolean } = {}): Promise<Shim> {
    await mkdir(directory, { recursive: true, mode: 0o711 });
    await spawnShim(agentPath, directory, ephemeral);
    return new Shim(directory, await AgentConnection.open(join(directory, 'shim.sock')));
  }

  /** Finds a shim again that an earlier daemon started; undefined when it is gone. */
  static async find(directory: string): Promise<Shim | undefined> {
    try {
      return new Shim(directory, await AgentConnection.open(join(directory, 'shim.sock')));
    } catch {
      return undefined;
    }
  }

  get alive(): boolean {
    return !this.#connection.closed;
  }

  /** Why the sandbox ended, as its shim told it. */
  get reason(): string {
    return this.#reason;
  }

  request(type: FrameType, fields?: FieldsBuilder, proc = 0, deadlineMs: number = ANSWER_MS): Promise<Fields> {
    return withDeadline(this.#connection.request(type, fields, proc), deadlineMs, `the shim's answer in ${this.#directory}`);
  }

  /** QEMU's process, of a shim that has one. */
  async sandboxPid(): Promise<number> {
    const answer = await this.request(FrameType.STATE);
    return answer.numbers(Tag.PID)[1] ?? 0;
  }

  /** Waits a moment for what the shim says last: why its sandbox ended. */
  async settled(): Promise<void> {
    if (this.#reason !== '' || this.#connection.closed) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#connection.off('frame', look);
        resolve();
      };
      const look = (frame: Frame): void => {
        if (frame.type === FrameType.SANDBOX_EXIT) done();
      };
      const timer = setTimeout(done, 500);
      this.#connection.on('frame', look);
    });
  }

  /** The shim's own process; 0 when it cannot be told. */
  async pid(): Promise<number> {
    const answer = await this.request(FrameType.STATE);
    return answer.number(Tag.PID) ?? 0;
  }

  /** The shim's directory was renamed, its socket with it. */
  moved(directory: string): void {
    this.#directory = directory;
  }

  /** To be called before the process is started, so that no exit is missed. */
  expectExit(proc: number, exitPath: string): void {
    this.#exitPaths.set(proc, exitPath);
    this.#expected(proc);
  }

  exit(proc: number): Promise<ProcessExit> {
    return this.#expected(proc).promise;
  }

  /** Takes up what the shim knows already: exits that nobody heard. */
  async refresh(): Promise<Map<number, { running: boolean; pid: number }>> {
    const answer = await this.request(FrameType.STATE);
    const known = new Map<number, { running: boolean; pid: number }>();
    for (const entry of answer.all(Tag.STATE_ENTRY)) {
      const proc = entry.readUInt32LE(0);
      const exited = entry.readUInt32LE(4) === 2;
      known.set(proc, { running: !exited && entry.readUInt32LE(4) === 1, pid: entry.readUInt32LE(8) });
      if (exited) {
        this.#expected(proc).resolve({
          exitCode: entry.readUInt32LE(12),
          oomKilled: entry.readUInt32LE(20) === 1,
          time: nanosecondsToIso(entry.readBigUInt64LE(24)),
          reason: this.#reason,
        });
      }
    }
    return known;
  }

  async attach(proc: number, streams: Streams, tty: boolean): Promise<Attachment> {
    const connection = await AgentConnection.open(join(this.#directory, 'shim.sock'));
    const attachment = await ShimAttachment.attach(connection, proc, streams, tty);
    const others = (this.#attachments.get(proc) ?? []).filter((other) => !other.closed);
    this.#attachments.set(proc, [...others, attachment]);
    return attachment;
  }

  /** Starts one of the agent's own commands where the container's files are. */
  helper(words: readonly string[], options: HelperOptions = { input: false }): Promise<Helper> {
    return Helper.start(join(this.#directory, 'shim.sock'), words, options);
  }

  /** A killed process is seen to end when its last output was taken: a client that does not take it is cut off. */
  async signal(proc: number, signal: number, all: boolean, deadlineMs?: number): Promise<void> {
    const fields = new FieldsBuilder().add(Tag.SIGNAL, signal).add(Tag.ALL, all);
    try {
      await this.request(FrameType.SIGNAL, fields, proc, deadlineMs);
    } catch (error) {
      throw error instanceof AgentError && error.agentCode === 'not-found' ? conflict(`process ${String(proc)} is not running`) : error;
    } finally {
      if (signal === constants.signals.SIGKILL) this.#cutOffStalled(proc);
    }
  }

  #cutOffStalled(proc: number): void {
    const timer = setTimeout(() => {
      for (const attachment of this.#attachments.get(proc) ?? []) if (attachment.stalled) attachment.close();
    }, LAST_OUTPUT_MS);
    void this.exit(proc).then(() => {
      clearTimeout(timer);
    });
  }

  /** Called once when the shim has ended, with the reason it told. */
  onEnd(listener: (reason: string) => void): void {
    this.#connection.once('close', () => {
      listener(this.#reason);
    });
  }

  /** Resolves when the shim has ended, or has not by the deadline. */
  async gone(deadlineMs: number): Promise<boolean> {
    if (this.#connection.closed) return true;
    const closed = new Promise<true>((resolve) => {
      this.#connection.once('close', () => {
        resolve(true);
      });
    });
    return withDeadline(closed, deadlineMs, 'the end of the shim').catch(() => false);
  }

  disconnect(): void {
    this.#connection.close();
  }

  #receive(frame: Frame): void {
    if (frame.type === FrameType.EXIT) {
      const fields = FieldsReader.parse(frame.payload);
      this.#expected(frame.proc).resolve({
        exitCode: fields.number(Tag.EXIT_CODE) ?? 255,
        oomKilled: fields.number(Tag.OOM) === 1,
        time: nanosecondsToIso(fields.bigint(Tag.TIME) ?? BigInt(Date.now()) * 1_000_000n),
        reason: this.#reason,
      });
    } else if (frame.type === FrameType.SANDBOX_EXIT) {
      const fields = FieldsReader.parse(frame.payload);
      this.#reason = [fields.string(Tag.REASON), fields.string(Tag.MESSAGE)].filter((text) => text !== undefined && text !== '').join(': ');
    }
  }

  /** The shim died or was told to end: what it wrote last is on the disk. */
  async #lost(): Promise<void> {
    for (const [proc, expected] of this.#exits) {
      const path = this.#exitPaths.get(proc);
      const record = path === undefined ? undefined : await readExitRecord(path);
      expected.resolve(
        record ?? {
          exitCode: 137,
          oomKilled: false,
          time: new Date().toISOString(),
          reason: this.#reason || 'the shim ended without telling the exit',
        },
      );
    }
  }

  #expected(proc: number): ExpectedExit {
    let expected = this.#exits.get(proc);
    if (expected === undefined) {
      let resolve: (exit: ProcessExit) => void = () => undefined;
      const promise = new Promise<ProcessExit>((settle) => {
        resolve = settle;
      });
      expected = { promise, resolve };
      this.#exits.set(proc, expected);
      if (this.#connection.closed) void this.#lost();
    }
    return expected;
  }
}

/** RFC 3339 with nanoseconds, in UTC. */
export function nanosecondsToIso(nanoseconds: bigint): string {
  const seconds = new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}Z`;
}

/** Ends a shim that nothing is known of, with all that it runs. */
export async function endShim(directory: string): Promise<void> {
  const shim = await Shim.find(directory);
  if (shim === undefined) return;
  await shim.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, 0)).catch(() => undefined);
  await shim.gone(ANSWER_MS);
}
