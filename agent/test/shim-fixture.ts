/** A real shim in a directory of its own, with a runtime that is a few lines of shell: `make -C agent` first. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentConnection, AgentError } from '../../src/agent-client/connection.ts';
import { type Fields, FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType } from '../../src/agent-client/frame.ts';
import { withDeadline } from '../../src/base/deadline.ts';
import { spawnDetached } from '../../src/base/process.ts';
import { AttachedClient } from './attached-client.ts';
import { type Exit, exitOf, PATIENCE_MS } from './exit.ts';

export const agentPath: string = join(import.meta.dirname, '../../build/agent/abode-agent');

/** STDIO's bits. */
export const TERMINAL = 1;
export const STDIN_OPEN = 2;
export const STDIN_ONCE = 4;

/** Detaches as crun does: its child goes on with the same streams, and its pid is in the file. No shell: that would reap a quick child itself. */
const fakeRuntime = [
  'perl',
  '-e',
  '$file = shift; if (!($pid = fork)) { exec @ARGV or exit 127 } open F, ">", $file; print F $pid; close F',
];

export interface StartOptions {
  readonly stdio?: number;
  /** An exec in this process's container. */
  readonly join?: number;
  readonly logSize?: number;
  readonly logFiles?: number;
  readonly logAttributes?: string;
  readonly cleanup?: readonly string[];
}

export class ShimFixture implements AsyncDisposable {
  readonly directory: string;
  /** The daemon's: the first connection. */
  readonly control: AgentConnection;
  readonly process: ChildProcess;
  readonly #exits = new Map<number, Exit>();
  readonly #others: AgentConnection[] = [];

  private constructor(directory: string, process: ChildProcess, control: AgentConnection) {
    this.directory = directory;
    this.process = process;
    this.control = control;
    control.on('frame', (frame) => {
      if (frame.type === FrameType.EXIT) this.#exits.set(frame.proc, exitOf(frame));
    });
  }

  static async start(): Promise<ShimFixture> {
    const directory = await mkdtemp(join(tmpdir(), 'abode-shim-'));
    const child = spawnDetached(agentPath, ['shim', directory], {
      stdio: 'ignore',
    });
    await once(child, 'spawn');
    let control: AgentConnection | undefined;
    await until(async () => {
      control = await AgentConnection.open(join(directory, 'shim.sock')).catch(() => undefined);
      return control !== undefined;
    }, 'the socket of the shim');
    return new ShimFixture(directory, child, control ?? assert.fail());
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** One more connection, greeted. */
  async connect(): Promise<AgentConnection> {
    const connection = await AgentConnection.open(join(this.directory, 'shim.sock'));
    this.#others.push(connection);
    return connection;
  }

  async attach(proc: number, streams = 7): Promise<AttachedClient> {
    return AttachedClient.attach(await this.connect(), proc, streams);
  }

  startFields(proc: number, options: StartOptions = {}): FieldsBuilder {
    return new FieldsBuilder()
      .add(Tag.PID_FILE, this.path(`${String(proc)}.pid`))
      .add(Tag.STDIO, options.stdio ?? 0)
      .add(Tag.LOG_PATH, this.path(`${String(proc)}.log`))
      .add(Tag.LOG_MAX_SIZE, options.logSize)
      .add(Tag.LOG_MAX_FILES, options.logFiles)
      .add(Tag.LOG_ATTRIBUTES, options.logAttributes)
      .add(Tag.EXIT_PATH, this.path(`${String(proc)}.exit`))
      .add(Tag.JOIN, options.join)
      .addAll(Tag.CLEANUP_ARG, options.cleanup);
  }

  /** START_RUNTIME of a command through the fake runtime. */
  commandFields(proc: number, command: readonly string[], options: StartOptions = {}): FieldsBuilder {
    return this.startFields(proc, options).addAll(Tag.ARG, [...fakeRuntime, this.path(`${String(proc)}.pid`), ...command]);
  }

  /** Starts a command; gives its pid. */
  async run(proc: number, command: readonly string[], options: StartOptions = {}): Promise<number> {
    const answer = await this.request(FrameType.START_RUNTIME, this.commandFields(proc, command, options), proc);
    return answer.number(Tag.PID) ?? 0;
  }

  shell(proc: number, script: string, options: StartOptions = {}): Promise<number> {
    return this.run(proc, ['sh', '-c', script], options);
  }

  async exit(proc: number): Promise<Exit> {
    await until(() => this.#exits.has(proc), `the exit of process ${String(proc)}`);
    return this.#exits.get(proc) ?? assert.fail();
  }

  exited(proc: number): boolean {
    return this.#exits.has(proc);
  }

  request(type: FrameType, fields?: FieldsBuilder, proc = 0): Promise<Fields> {
    return withDeadline(this.control.request(type, fields, proc), PATIENCE_MS, 'an answer');
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** The records of a json-file log. */
  async log(proc: number, suffix = ''): Promise<Array<{ log: string; stream: string; time: string }>> {
    const text = await readFile(this.path(`${String(proc)}.log${suffix}`), 'utf8');
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { log: string; stream: string; time: string });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#others) connection.close();
    if (!this.ended) {
      const ended = once(this.process, 'exit');
      await this.control.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, 0)).catch(() => this.process.kill('SIGTERM'));
      await withDeadline(ended, PATIENCE_MS, 'the end of the shim');
    }
    this.control.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** For conditions that only polling can see. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what} did not happen within ${String(PATIENCE_MS)} ms`);
    await sleep(5);
  }
}

/** The request is refused with this code and a message that matches. */
export async function refused(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof AgentError, String(error));
    assert.equal(error.agentCode, code);
    assert.match(error.message, message);
    return true;
  });
}
