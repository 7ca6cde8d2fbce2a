/** Test code: an engine and an image store in memory, whose containers know a few commands. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { AbodeError, conflict, invalid, notFound } from '../base/errors.ts';
import type {
  AttachOptions,
  Attachment,
  ContainerEngine,
  ContainerSize,
  CreateRequest,
  EngineEvent,
  EventQuery,
  ExecRequest,
  FileChange,
  ListFilter,
  LogEntry,
  LogOptions,
  MemoryUse,
  OutputChunk,
  PathStat,
  ProcessList,
  PutOptions,
  StatsQuery,
  StatsSample,
  SystemFacts,
  UpdateRequest,
  WaitCondition,
  WaitResult,
} from '../engine/api.ts';
import { FakeVolumes } from './fake-volumes.ts';
import type { ContainerRecord, ExecRecord, VmRecord } from '../engine/record.ts';
import { type Family, gauge } from '../metrics/family.ts';
import type { ImageDisk, ImageRecord, Images, Progress, PullOptions } from '../images/api.ts';

const NOTHING: StatsSample = { time: undefined, figures: undefined, machine: undefined };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A process that is a JavaScript function: `cat`, `echo`, `both`, `fill N`, `fail N`, `sleep`. */
class FakeProcess {
  readonly tty: boolean;
  readonly input: PassThrough = new PassThrough();
  readonly logged: LogEntry[] = [];
  readonly exited: Promise<number>;
  readonly #readers = new Set<(chunk: OutputChunk | undefined) => Promise<void>>();
  #exit: (code: number) => void = () => undefined;
  inputEnded = false;
  written = 0;

  constructor(tty: boolean) {
    this.tty = tty;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
  }

  async run(command: readonly string[]): Promise<void> {
    const [name, ...args] = command;
    let code = 0;
    if (name === 'echo') await this.print('stdout', `${args.join(' ')}\n`);
    else if (name === 'both') {
      await this.print('stdout', 'out\n');
      await this.print('stderr', 'err\n');
    } else if (name === 'fail') code = Number(args[0]);
    else if (name === 'fill') {
      const block = Buffer.alloc(65_536, 'x');
      for (let left = Number(args[0]); left > 0; left -= block.length)
        await this.print('stdout', block.subarray(0, Math.min(left, block.length)));
    } else if (name === 'cat') for await (const data of this.input) await this.print('stdout', data as Buffer);
    else if (name === 'count') {
      let total = 0;
      for await (const data of this.input) total += (data as Buffer).length;
      await this.print('stdout', `${String(total)}\n`);
    } else if (name === 'sleep') code = await this.exited;
    await this.end(code);
  }

  async end(code: number): Promise<void> {
    for (const reader of this.#readers) await reader(undefined);
    this.#exit(code);
  }

  async print(stream: OutputChunk['stream'], data: string | Buffer): Promise<void> {
    const chunk = { stream: this.tty ? 'stdout' : stream, data: Buffer.from(data) } as const;
    this.written += chunk.data.length;
    if (this.logged.length < 1000) this.logged.push({ ...chunk, time: new Date().toISOString().replace('Z', '000000Z') });
    for (const reader of this.#readers) await reader(chunk);
  }

  attach({ stdin, stdout, stderr, logs, stream }: AttachOptions): Attachment {
    const pipe = new PassThrough({ objectMode: true, highWaterMark: 4 });
    if (logs) for (const entry of this.logged) pipe.write(entry);
    const reader = async (chunk: OutputChunk | undefined): Promise<void> => {
      if (chunk === undefined) pipe.end();
      else if ((chunk.stream === 'stdout' ? stdout : stderr) && !pipe.destroyed && !pipe.write(chunk)) await ready(pipe);
    };
    if (stream) this.#readers.add(reader);
    else pipe.end();
    const close = (): void => {
      this.#readers.delete(reader);
      pipe.destroy();
    };
    return {
      tty: this.tty,
      output: readUntilClosed(pipe),
      write: async (data) => {
        if (stdin && !this.input.write(data)) await once(this.input, 'drain');
      },
      endInput: () => {
        this.inputEnded = true;
        this.input.end();
      },
      close,
    };
  }
}

function ready(pipe: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      pipe.off('drain', go).off('close', go);
      resolve();
    };
    pipe.on('drain', go).on('close', go);
  });
}

async function* readUntilClosed(pipe: PassThrough): AsyncIterable<OutputChunk> {
  try {
    for await (const chunk of pipe) yield chunk as OutputChunk;
  } catch (error) {
    if (!pipe.destroyed) throw error;
  }
}

export class FakeEngine implements ContainerEngine {
  readonly containers: Map<string, Mutable<ContainerRecord>> = new Map();
  readonly processes: Map<string, FakeProcess> = new Map();
  readonly execs: Map<string, Mutable<ExecRecord>> = new Map();
  readonly vms: Map<string, VmRecord> = new Map();
  readonly calls: string[] = [];
  fileChanges: FileChange[] = [];
  samples: StatsSample[] = [];
  containerSize: ContainerSize = { rw: 5, rootFs: 105 };
  readonly created: CreateRequest[] = [];
  readonly history: EngineEvent[] = [];
  readonly #images: Images;
  readonly volumes: FakeVolumes = new FakeVolumes();
  readonly #listeners = new Set<(event: EngineEvent) => void>();

  constructor(images: Images) {
    this.#images = images;
  }

  async create(request: CreateRequest): Promise<{ id: string; warnings: string[] }> {
    const image = this.#images.get(request.config.Image);
    const id = randomBytes(32).toString('hex');
    const name = request.name ?? `fake_${id.slice(0, 6)}`;
    const taken = [...this.containers.values()].find((record) => record.name === name);
    if (taken !== undefined) {
      throw conflict(
        `Conflict. The container name "/${name}" is already in use by container "${taken.id}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    }
    const command = [...(request.config.Entrypoint ?? []), ...(request.config.Cmd ?? image.config.Cmd ?? [])];
    if (command.length === 0) throw invalid('no command specified');
    this.created.push(request);
    this.containers.set(id, {
      id,
      name,
      createdAt: new Date().toISOString(),
      imageId: image.id,
      imageReference: request.config.Image,
      isolation:
        request.host.Runtime?.startsWith('vm:') === true
          ? { kind: 'hybrid', vm: request.host.Runtime.slice(3) }
          : { kind: 'container', runtime: 'crun' },
      config: { Hostname: id.slice(0, 12), ...request.config, Env: request.config.Env ?? [] },
      host: request.host,
      command,
      state: { status: 'created' },
      restartCount: 0,
      proc: 1,
      stopRequested: false,
      removing: false,
    });
    this.processes.set(id, new FakeProcess(request.config.Tty ?? false));
    this.#emit('create', id);
    return { id, warnings: [] };
  }

  get(reference: string): Mutable<ContainerRecord> {
    const name = reference.replace(/^\//, '');
    const found = [...this.containers.values()].find((record) => record.name === name || record.id.startsWith(reference));
    if (found === undefined || reference === '') throw notFound(`No such container: ${reference}`);
    return found;
  }

  list(filter: ListFilter): ContainerRecord[] {
    const records = [...this.containers.values()].filter(({ state }) => filter.all || state.status === 'running').toReversed();
    const names = filter.filters['name'];
    const labels = filter.filters['label'];
    return records
      .filter(({ name }) => names?.some((part) => name.includes(part)) ?? true)
      .filter(
        ({ config }) =>
          labels?.every((label) =>
            Object.entries(config.Labels ?? {}).some(([key, value]) => label === key || label === `${key}=${value}`),
          ) ?? true,
      )
      .slice(0, filter.limit ?? records.length);
  }

  async start(reference: string): Promise<void> {
    const record = this.get(reference);
    if (record.state.status === 'running') throw new AbodeError('not-modified', 'already running');
    if (record.command[0] === 'nonsense') throw invalid('failed to create task: exec: "nonsense": executable file not found in $PATH');
    const startedAt = new Date().toISOString();
    record.state = { status: 'running', pid: 4242, startedAt, paused: false };
    record.network = {
      network: 'bridge',
      address: '10.88.0.2',
      prefixLength: 16,
      gateway: '10.88.0.1',
      mac: '02:42:0a:58:00:02',
    };
    const process = this.#process(record.id);
    void process.exited.then((exitCode) => {
      record.state = {
        status: 'exited',
        startedAt,
        finishedAt: new Date().toISOString(),
        exitCode,
        oomKilled: false,
        error: '',
      };
      delete record.network;
      const next = new FakeProcess(record.config.Tty ?? false);
      next.logged.push(...process.logged);
      this.processes.set(record.id, next);
      this.#emit('die', record.id, { exitCode: String(exitCode) });
      if (record.host.AutoRemove === true) void this.remove(record.id, { force: true });
    });
    this.#emit('start', record.id);
    setTimeout(() => void process.run(record.command), 5);
  }

  async stop(reference: string, options: { signal?: string; timeout?: number }): Promise<void> {
    this.calls.push(`stop ${JSON.stringify(options)}`);
    const record = this.get(reference);
    if (record.state.status !== 'running') throw new AbodeError('not-modified', 'not running');
    const process = this.#process(record.id);
    await process.end(137);
    await process.exited;
  }

  async restart(reference: string, options: { signal?: string; timeout?: number }): Promise<void> {
    const record = this.get(reference);
    if (record.state.status === 'running') await this.stop(reference, options);
    await this.start(reference);
  }

  async kill(reference: string, signal: string): Promise<void> {
    this.calls.push(`kill ${signal}`);
    const record = this.get(reference);
    if (signal === 'FOO') throw invalid(`invalid signal: ${signal}`);
    if (record.state.status !== 'running') throw conflict(`cannot kill container: ${reference}: container ${record.id} is not running`);
    await this.#process(record.id).end(137);
  }

  async pause(reference: string): Promise<void> {
    this.#setPaused(reference, true);
  }

  async unpause(reference: string): Promise<void> {
    this.#setPaused(reference, false);
  }

  async rename(reference: string, name: string): Promise<void> {
    this.get(reference).name = name;
  }

  async remove(reference: string, options: { force: boolean }): Promise<void> {
    const record = this.get(reference);
    if (record.state.status === 'running' && !options.force) {
      throw conflict(`cannot remove container "/${record.name}": container is running: stop the container before removing or force remove`);
    }
    this.containers.delete(record.id);
    this.#emit('destroy', record.id);
  }

  async wait(reference: string, condition: WaitCondition, signal: AbortSignal): Promise<{ result: Promise<WaitResult> }> {
    const record = this.get(reference);
    this.calls.push(`wait ${condition}`);
    signal.addEventListener('abort', () => {
      this.calls.push('wait aborted');
    });
    if (condition === 'not-running' && record.state.status === 'exited')
      return { result: Promise.resolve({ exitCode: record.state.exitCode }) };
    return {
      result: this.#process(record.id).exited.then(async (exitCode) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        return { exitCode };
      }),
    };
  }

  async logs(reference: string, options: LogOptions): Promise<AsyncIterable<readonly LogEntry[]>> {
    const process = this.#process(this.get(reference).id);
    this.calls.push(`logs ${JSON.stringify({ ...options, signal: undefined })}`);
    return (async function* () {
      const wanted = process.logged.filter(({ stream }) => (stream === 'stdout' ? options.stdout : options.stderr));
      yield options.tail === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - options.tail));
      if (options.follow) {
        await Promise.race([process.exited, new Promise((resolve) => options.signal.addEventListener('abort', resolve))]);
        yield process.logged.slice(wanted.length);
      }
    })();
  }

  async attach(reference: string, options: AttachOptions): Promise<Attachment> {
    const { id } = this.get(reference);
    this.calls.push(`attach ${JSON.stringify(options)}`);
    return this.#process(id).attach(options);
  }

  async resize(reference: string, rows: number, columns: number): Promise<void> {
    this.get(reference);
    this.calls.push(`resize ${String(rows)}x${String(columns)}`);
  }

  async memory(reference: string): Promise<MemoryUse> {
    this.get(reference);
    return { own: 1, template: 2, pool: 3 };
  }

  announce({ type, action, id, attributes }: Omit<EngineEvent, 'timeNano'>): void {
    this.calls.push(`event ${type} ${action} ${id} ${attributes['name'] ?? attributes['reclaimed'] ?? ''}`);
  }

  async size(reference: string): Promise<ContainerSize> {
    this.get(reference);
    return this.containerSize;
  }

  async sizes(records: readonly ContainerRecord[]): Promise<ReadonlyMap<string, ContainerSize>> {
    return new Map(records.map(({ id }) => [id, this.containerSize]));
  }

  async update(reference: string, request: UpdateRequest): Promise<void> {
    this.get(reference);
    this.calls.push(`update ${JSON.stringify(request)}`);
  }

  async top(reference: string, psArguments: string): Promise<ProcessList> {
    const { id, state } = this.get(reference);
    if (state.status !== 'running') throw conflict(`Container ${id} is not running`);
    return { titles: ['PID', 'CMD'], processes: [['7', psArguments]] };
  }

  async *stats(reference: string, { stream, primed, signal }: StatsQuery): AsyncGenerator<StatsSample> {
    this.get(reference);
    for (let left = stream ? Infinity : primed ? 2 : 1; left > 0 && !signal.aborted; left -= 1) yield this.samples.shift() ?? NOTHING;
  }

  async statPath(reference: string, path: string): Promise<PathStat> {
    this.get(reference);
    if (path.includes('nosuch')) throw notFound(`Could not find the file ${path} in container ${reference}`);
    return { name: path.slice(path.lastIndexOf('/') + 1), size: 3, mode: 0o644, mtime: '2026-01-02T03:04:05.000000006Z', linkTarget: '' };
  }

  async getArchive(reference: string, path: string): Promise<{ stat: PathStat; content: Readable }> {
    return { stat: await this.statPath(reference, path), content: Readable.from([Buffer.from('a tar')]) };
  }

  async putArchive(reference: string, path: string, archive: Readable, options: PutOptions): Promise<void> {
    await this.statPath(reference, path);
    const size = Buffer.concat(await Array.fromAsync(archive as AsyncIterable<Buffer>)).length;
    this.calls.push(`put ${String(size)} ${path} ${JSON.stringify(options)}`);
  }

  async changes(reference: string): Promise<FileChange[]> {
    this.get(reference);
    return this.fileChanges;
  }

  async exportFiles(reference: string): Promise<Readable> {
    this.get(reference);
    return Readable.from([Buffer.from('a tar')]);
  }

  async createExec(reference: string, request: ExecRequest): Promise<string> {
    const record = this.get(reference);
    if (record.state.status !== 'running') throw conflict(`container ${record.id} is not running`);
    const id = randomBytes(32).toString('hex');
    this.execs.set(id, {
      id,
      containerId: record.id,
      ...request,
      proc: 2,
      running: false,
      pid: 0,
      exitCode: null,
    });
    return id;
  }

  getExec(id: string): Mutable<ExecRecord> {
    const exec = this.execs.get(id);
    if (exec === undefined) throw notFound(`No such exec instance: ${id}`);
    return exec;
  }

  async startExec(id: string, options: { detach: boolean; rows?: number; columns?: number }): Promise<Attachment | undefined> {
    const exec = this.getExec(id);
    this.calls.push(`startExec ${JSON.stringify(options)}`);
    if (exec.running || exec.exitCode !== null) throw conflict(`exec ${id} has already run`);
    if (exec.command[0] === 'nonsense') {
      exec.exitCode = 127;
      throw invalid('exec failed: "nonsense": executable file not found in $PATH');
    }
    const process = new FakeProcess(exec.tty);
    this.processes.set(id, process);
    exec.running = true;
    exec.pid = 77;
    void process.exited.then((code) => {
      exec.running = false;
      exec.exitCode = code;
    });
    setTimeout(() => void process.run(exec.command), 5);
    if (options.detach) return undefined;
    return process.attach({
      stdin: exec.attachStdin,
      stdout: exec.attachStdout,
      stderr: exec.attachStderr,
      logs: false,
      stream: true,
    });
  }

  async resizeExec(id: string, rows: number, columns: number): Promise<void> {
    this.getExec(id);
    this.calls.push(`resizeExec ${String(rows)}x${String(columns)}`);
  }

  async createVm(request: { name: string; cpus?: number; memory?: number }): Promise<VmRecord> {
    const vm: VmRecord = {
      name: request.name,
      id: randomBytes(32).toString('hex'),
      cpus: request.cpus ?? 1,
      memory: request.memory ?? 512 << 20,
      createdAt: new Date().toISOString(),
      state: 'running',
      containers: [],
      accelerator: 'tcg',
    };
    this.vms.set(vm.name, vm);
    return vm;
  }

  listVms(): VmRecord[] {
    return [...this.vms.values()];
  }

  getVm(name: string): VmRecord {
    const vm = this.vms.get(name);
    if (vm === undefined) throw notFound(`No such VM: ${name}`);
    return vm;
  }

  async removeVm(name: string): Promise<void> {
    this.getVm(name);
    this.vms.delete(name);
  }

  async *events(query: EventQuery): AsyncIterable<EngineEvent> {
    const pipe = new PassThrough({ objectMode: true });
    const listener = (event: EngineEvent): void => void pipe.write(event);
    this.#listeners.add(listener);
    query.signal.addEventListener('abort', () => pipe.end());
    try {
      if (query.since !== undefined) for (const event of this.history) if (event.timeNano >= query.since) yield event;
      if (query.until !== undefined && query.until <= BigInt(Date.now()) * 1_000_000n) return;
      for await (const event of pipe) yield event as EngineEvent;
    } finally {
      this.#listeners.delete(listener);
    }
  }

  async facts(): Promise<SystemFacts> {
    return {
      accelerator: 'tcg',
      runtimes: ['crun', 'runc', 'vm'],
      defaultRuntime: 'crun',
      kernel: '6.18.0',
      cgroupVersion: '1',
      cgroupDriver: 'cgroupfs',
      templateBytes: 1000,
      poolBytes: 0,
      poolSize: 0,
    };
  }

  async removeLink(parent: string, alias: string): Promise<void> {
    this.get(parent);
    this.calls.push(`removeLink ${alias}`);
  }

  async metrics(version: string): Promise<Family[]> {
    return [gauge('abode_engine_info', 'Fake.', [{ labels: { version }, value: 1 }])];
  }

  #process(id: string): FakeProcess {
    const process = this.processes.get(id);
    if (process === undefined) throw new AbodeError('internal', `no process of ${id}`);
    return process;
  }

  #setPaused(reference: string, paused: boolean): void {
    const record = this.get(reference);
    if (record.state.status !== 'running') throw conflict(`container ${record.id} is not running`);
    record.state = { ...record.state, paused };
  }

  #emit(action: string, id: string, attributes: Record<string, string> = {}): void {
    const record = this.containers.get(id);
    const event: EngineEvent = {
      type: 'container',
      action,
      id,
      timeNano: BigInt(Date.now()) * 1_000_000n + 123n,
      attributes: { image: record?.imageReference ?? '', name: record?.name ?? '', ...attributes },
    };
    this.history.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}

export class FakeImages implements Images {
  readonly records: Array<Mutable<ImageRecord>> = [];
  received = 0;

  add(reference: string): ImageRecord {
    const record: ImageRecord = {
      id: `sha256:${createHash('sha256').update(reference).digest('hex')}`,
      references: [reference],
      digests: [],
      config: { Cmd: ['echo', 'default'], Env: ['PATH=/bin'] },
      created: '2026-01-02T03:04:05Z',
      author: '',
      architecture: 'amd64',
      os: 'linux',
      diffIds: [`sha256:${'1'.repeat(64)}`],
      chainIds: [`sha256:${'1'.repeat(64)}`],
      history: [{ created: '2026-01-02T03:04:05Z', created_by: 'ADD rootfs' }],
      size: 12_345,
      comment: '',
      variant: '',
      layerSizes: [12_345],
    };
    this.records.push(record);
    return record;
  }

  async *load(archive: Readable): AsyncIterable<Progress> {
    for await (const chunk of archive) this.received += (chunk as Buffer).length;
    yield { status: 'Loading layer', id: 'abc', progressDetail: { current: 1, total: 2 } };
    if (this.received < 100) throw invalid('invalid tar header');
    this.add('loaded:1');
    yield { stream: 'Loaded image: loaded:1\n' };
  }

  async *pull({ reference }: PullOptions): AsyncIterable<Progress> {
    if (reference.startsWith('absent')) throw notFound(`manifest for ${reference} not found: manifest unknown`);
    yield { status: `Pulling from ${reference}`, id: 'latest' };
    this.add(reference);
    yield { status: `Status: Downloaded newer image for ${reference}` };
  }

  async import(archive: Readable, options: { reference?: string; message?: string; changes: readonly string[] }): Promise<ImageRecord> {
    for await (const chunk of archive) this.received += (chunk as Buffer).length;
    return this.add(options.reference ?? `untagged${String(this.received)}:latest`);
  }

  async save(references: readonly string[]): Promise<Readable> {
    for (const reference of references) this.get(reference);
    return Readable.from([Buffer.alloc(1 << 20, 's'), Buffer.alloc(17, 's')]);
  }

  list(): ImageRecord[] {
    return [...this.records];
  }

  get(reference: string): Mutable<ImageRecord> {
    const record = this.find(reference);
    if (record === undefined) throw notFound(`No such image: ${reference.includes(':') ? reference : `${reference}:latest`}`);
    return record;
  }

  find(reference: string): Mutable<ImageRecord> | undefined {
    const name = reference.includes(':') ? reference : `${reference}:latest`;
    return this.records.find(({ references, id }) => references.includes(name) || id === reference || id.startsWith(`sha256:${reference}`));
  }

  tag(reference: string, repository: string, tag: string): ImageRecord {
    const record = this.get(reference);
    record.references = [...record.references, `${repository}:${tag}`];
    return record;
  }

  async remove(
    reference: string,
    options: {
      force: boolean;
      inUse: (id: string) => { id: string; running: boolean } | undefined;
    },
  ): Promise<Array<{ Untagged: string } | { Deleted: string }>> {
    const record = this.get(reference);
    const user = options.inUse(record.id);
    if (user !== undefined && (user.running || !options.force))
      throw conflict(
        `conflict: unable to remove repository reference "${reference}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image`,
      );
    this.records.splice(this.records.indexOf(record), 1);
    return [...record.references.map((Untagged) => ({ Untagged })), { Deleted: record.id }];
  }

  layers(): string[] {
    return [];
  }

  async disk(): Promise<ImageDisk> {
    return { path: '/none', bytes: 0 };
  }

  diskSize(): number | undefined {
    return undefined;
  }

  async ensureBase(): Promise<void> {
    this.add('abode/base:latest');
  }
}
