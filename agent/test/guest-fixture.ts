/** The guest's agent without a VM: its link is a socket, its cgroups version 2 in a mount namespace of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentConnection } from '../../src/agent-client/connection.ts';
import { FieldsBuilder, type FieldValue, Tag } from '../../src/agent-client/fields.ts';
import { STDERR, STDIN, STDOUT, FrameType } from '../../src/agent-client/frame.ts';
import { withDeadline } from '../../src/base/deadline.ts';
import { writeBusyboxRoot } from './crun-fixture.ts';
import { type Exit, exitOf, PATIENCE_MS } from './exit.ts';
import { agentPath, until } from './shim-fixture.ts';

/** Version 2 over whatever is there, in this namespace only. */
const SCRIPT = 'mount -t tmpfs tmpfs "$1/run" && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$0" guest --socket "$2"';

const MS_BIND = 4096; // sys/mount.h

export type FieldList = ReadonlyArray<readonly [tag: Tag, value: FieldValue]>;

export interface Result extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export class GuestFixture implements AsyncDisposable {
  readonly directory: string;
  readonly link: AgentConnection;
  readonly container: string = `test-${randomBytes(6).toString('hex')}`;
  readonly #process: ChildProcess;
  readonly #output = new Map<string, Buffer[]>();
  readonly #exits = new Map<number, Exit>();
  #next = 0;

  private constructor(directory: string, process: ChildProcess, link: AgentConnection) {
    this.directory = directory;
    this.#process = process;
    this.link = link;
    link.on('frame', (frame) => {
      if (frame.type === FrameType.EXIT) this.#exits.set(frame.proc, exitOf(frame));
      if (frame.type !== FrameType.DATA) return;
      const chunks = this.#chunks(frame.proc, frame.stream);
      chunks.push(frame.payload);
      const position = frame.position + BigInt(frame.payload.length);
      void link.send({ type: FrameType.ACK, proc: frame.proc, stream: frame.stream, position });
    });
  }

  static async start(): Promise<GuestFixture> {
    const directory = await mkdtemp(join(tmpdir(), 'abode-guest-'));
    await writeBusyboxRoot(join(directory, 'rootfs'));
    await mkdir(join(directory, 'run'));
    const server = createServer();
    server.listen(join(directory, 'link.sock'));
    await once(server, 'listening');
    const child = spawn('unshare', ['--mount', 'sh', '-c', SCRIPT, agentPath, directory, join(directory, 'link.sock')], {
      stdio: 'inherit',
    });
    const [socket] = (await withDeadline(once(server, 'connection'), PATIENCE_MS, 'the connection of the guest')) as [Socket];
    server.close();
    const guest = new GuestFixture(directory, child, new AgentConnection(socket));
    await withDeadline(guest.link.hello(), PATIENCE_MS, 'the greeting of the guest');
    const self = new FieldsBuilder().add(Tag.SOURCE, guest.root).add(Tag.TARGET, guest.root).add(Tag.FLAGS, MS_BIND);
    await guest.link.request(FrameType.MOUNT, self); // what ROOT names is a mount
    return guest;
  }

  get root(): string {
    return join(this.directory, 'rootfs');
  }

  /** Starts a process; gives its number. */
  async start(args: readonly string[], fields: FieldList = []): Promise<number> {
    const proc = ++this.#next;
    const request = new FieldsBuilder()
      .add(Tag.ROOT, this.root)
      .add(Tag.CONTAINER, this.container)
      .addAll(Tag.ARG, args)
      .add(Tag.ENV, 'PATH=/bin');
    for (const name of [Tag.CAP_BOUNDING, Tag.CAP_EFFECTIVE, Tag.CAP_PERMITTED])
      if (!fields.some(([tag]) => tag === name)) request.add(name, 0xa80425fbn);
    for (const [tag, value] of fields) request.add(tag, value);
    await withDeadline(this.link.request(FrameType.START_PROCESS, request, proc), PATIENCE_MS, 'the start of a process');
    return proc;
  }

  async finish(proc: number): Promise<Result> {
    await until(() => this.#exits.has(proc), `the exit of process ${String(proc)}`);
    return {
      ...(this.#exits.get(proc) as Exit),
      stdout: this.text(proc, STDOUT),
      stderr: this.text(proc, STDERR),
    };
  }

  async run(args: readonly string[], fields: FieldList = []): Promise<Result> {
    return this.finish(await this.start(args, fields));
  }

  shell(script: string, fields: FieldList = []): Promise<Result> {
    return this.run(['sh', '-c', script], fields);
  }

  text(proc: number, stream: number = STDOUT): string {
    return Buffer.concat(this.#chunks(proc, stream)).toString('utf8');
  }

  async write(proc: number, text: string): Promise<void> {
    await this.link.send({ type: FrameType.DATA, proc, stream: STDIN, payload: Buffer.from(text) });
  }

  async kill(proc: number): Promise<void> {
    await this.link.request(FrameType.SIGNAL, new FieldsBuilder().add(Tag.SIGNAL, 9), proc);
    await this.finish(proc);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#process.exitCode === null && this.#process.signalCode === null ? once(this.#process, 'exit') : undefined;
    await this.link.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, 0)).catch(() => undefined);
    this.link.close();
    if (ended !== undefined) await withDeadline(ended, PATIENCE_MS, 'the end of the guest');
    await rm(this.directory, { recursive: true, force: true });
    for (const parent of ['/sys/fs/cgroup/unified/abode', '/sys/fs/cgroup/abode']) {
      await rmdir(join(parent, this.container)).catch(() => undefined);
      await rmdir(parent).catch(() => undefined); // another's groups may be there
    }
  }

  #chunks(proc: number, stream: number): Buffer[] {
    const key = `${String(proc)} ${String(stream)}`;
    const chunks = this.#output.get(key) ?? [];
    this.#output.set(key, chunks);
    return chunks;
  }
}
