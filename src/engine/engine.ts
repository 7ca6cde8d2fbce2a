/** The engine: what its parts do, put together as those above see it. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { availableParallelism, release as kernelRelease, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AbodeError, conflict, invalid, messageOf, notFound } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import type { ImageRecord, Images } from '../images/api.ts';
import type { Family } from '../metrics/family.ts';
import { decompress } from '../images/compression.ts';
import { Network } from '../network/network.ts';
import { readCeilings } from '../sandbox/ceilings.ts';
import { cgroupVersion } from '../sandbox/cgroup.ts';
import type { ContainerSpec, NetworkPlan } from '../sandbox/sandbox.ts';
import { Sandboxes } from '../sandbox/sandboxes.ts';
import { readGuestFiles } from '../sandbox/vm/guest-files.ts';
import { SharedVms, type SharedVmRecord } from '../sandbox/vm/shared-vms.ts';
import { VmHost } from '../sandbox/vm/vm-host.ts';
import type { Database } from '../state/database.ts';
import { VolumeStore } from '../volumes/volume-store.ts';
import type {
  Attachment,
  AttachOptions,
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
  PathStat,
  ProcessList,
  PutOptions,
  StatsQuery,
  StatsSample,
  SystemFacts,
  UpdateRequest,
  WaitCondition,
  WaitResult,
} from './api.ts';
import { composeRecord } from './compose-record.ts';
import { checkOptions } from './create/check-options.ts';
import { settleHost } from './create/settle-host.ts';
import { ContainerFiles } from './container-files.ts';
import { containerPaths } from './container-paths.ts';
import { checkHostConfig, containerSpec } from './container-spec.ts';
import { ContainerTable } from './container-table.ts';
import { containerAttributes } from './event-attributes.ts';
import { describeContainers } from './container-metrics.ts';
import { countEvents, describeEngine } from './engine-metrics.ts';
import { EventBus } from './event-bus.ts';
import { EventHistory } from './event-history.ts';
import { Execs } from './execs.ts';
import { HealthMonitors } from './health/monitors.ts';
import { checkVmName, checkVmSize, DEFAULT_RUNTIME, parseIsolation, RUNTIME_NAMES } from './isolation.ts';
import { ContainerMounts } from './mounts/container-mounts.ts';
import { checkForVm } from './mounts/check-for-vm.ts';
import { planMounts } from './mounts/plan-mounts.ts';
import { keepsAddress, resolveLinks } from './links.ts';
import { filterContainers } from './list-filter.ts';
import { measureAll } from './measure.ts';
import { logTarget } from './log-options.ts';
import { readLog } from './log-reader.ts';
import { randomName } from './names.ts';
import { Numbers } from './numbers.ts';
import { checkPorts, portWarnings, publications } from './port-requests.ts';
import { reconcile } from './reconcile.ts';
import type { ContainerRecord, ExecRecord, VmRecord } from './record.ts';
import { isRestarting, refuseRestarting } from './restart-policy.ts';
import { RunControl, type TerminalSize } from './run-control.ts';
import { Sizes } from './sizes.ts';
import { StartMetrics } from './start-metrics.ts';
import { Stats } from './stats.ts';
import { listProcesses } from './top.ts';
import { describeVms } from './vm-metrics.ts';
import { VmRecords } from './vm-records.ts';
import { VolumeControl } from './volumes.ts';

export interface EngineOptions {
  readonly config: Config;
  readonly database: Database;
  readonly images: Images;
  readonly log: Log;
  readonly agentPath: string;
  readonly guestDirectory: string;
}

export class Engine implements ContainerEngine {
  readonly #options: EngineOptions;
  readonly #containers: ContainerTable;
  readonly #eventCounts = countEvents();
  readonly #starts = new StartMetrics();
  readonly #events: EventBus;
  readonly #ceilings = readCeilings();
  /** Undefined where no guest is built. */
  #guestKernel: string | undefined;
  readonly #network: Network;
  readonly #vmHost: VmHost;
  readonly #shared: SharedVms;
  readonly #runs: RunControl;
  readonly #execs: Execs;
  readonly #health: HealthMonitors;
  readonly #files: ContainerFiles;
  readonly #stats: Stats;
  readonly #sizes: Sizes;
  readonly #sandboxes: Sandboxes;
  readonly #volumes: VolumeStore;
  readonly #mounts: ContainerMounts;
  readonly volumes: VolumeControl;

  private constructor(options: EngineOptions, network: Network) {
    const { config, database, log, agentPath, guestDirectory } = options;
    const numbers = new Numbers(database);
    this.#options = options;
    this.#network = network;
    this.#containers = new ContainerTable(database);
    this.#events = new EventBus(new EventHistory(database));
    this.#events.observe(this.#eventCounts.count);
    this.#vmHost = new VmHost({
      root: join(config.root, 'vm'),
      runDir: config.runDir,
      agentPath,
      guestDirectory,
      log,
      nextNumber: () => numbers.next(),
      poolSize: config.pool,
      onProgress: (message) => {
        log.info(message);
        this.#runs.announce(message);
        this.#events.emit('vm', 'template', 'template', { message });
      },
    });
    this.#shared = new SharedVms({
      host: this.#vmHost,
      store: new VmRecords(database),
      bridge: network.bridge,
      mtu: network.mtu,
      onState: (record, state, reason) => {
        this.#events.emit('vm', state, record.id, { name: record.name, ...(reason === '' ? {} : { reason }) });
      },
    });
    this.#sandboxes = new Sandboxes(
      { agentPath, ceilings: this.#ceilings, runtimeRoot: join(config.runDir, 'oci') },
      this.#vmHost,
      this.#shared,
    );
    this.#volumes = new VolumeStore({ root: join(config.root, 'volumes'), database, agentPath, log });
    this.#mounts = new ContainerMounts({
      volumes: this.#volumes,
      containers: this.#containers,
      events: this.#events,
      log,
      transaction: (action) => {
        database.transaction(action);
      },
    });
    this.volumes = new VolumeControl(this.#volumes, this.#mounts, this.#events);
    const paths = (id: string): ReturnType<typeof containerPaths> => containerPaths(config, id);
    const parts = { containers: this.#containers, events: this.#events, numbers, paths };
    this.#runs = new RunControl({
      ...parts,
      sandboxes: this.#sandboxes,
      network,
      mounts: this.#mounts,
      log,
      starts: this.#starts,
      onRun: (id, event) => {
        if (event === 'start') this.#health.begin(id);
        else if (event === 'resume') this.#health.resume(id);
        else this.#health.suspend(id);
      },
      spec: (record, plan, size) => this.#spec(record, plan, size),
    });
    this.#execs = new Execs({ ...parts, runs: this.#runs });
    this.#health = new HealthMonitors({ ...parts, execs: this.#execs, log });
    this.#stats = new Stats({ containers: this.#containers, sandbox: (id) => this.#runs.sandbox(id) });
    this.#sizes = new Sizes({
      usage: (record) => this.#usage(record),
      imageSize: (record) => options.images.get(record.imageId).size,
      log,
    });
    this.#files = new ContainerFiles({
      open: (id) => this.#runs.files(id),
      openMounts: (id) => this.#sandboxes.openMounts(this.#spec(this.#containers.byId(id), undefined, { rows: 0, columns: 0 })),
      record: (id) => this.#containers.byId(id),
    });
  }

  /** Brings up the network, then takes over what a former daemon left running. */
  static async open(options: EngineOptions): Promise<Engine> {
    const { config, database, log } = options;
    await Promise.all([
      mkdir(join(config.root, 'containers'), { recursive: true, mode: 0o710 }),
      mkdir(join(config.root, 'vm'), { recursive: true, mode: 0o700 }),
      mkdir(join(config.runDir, 'c'), { recursive: true, mode: 0o711 }),
    ]);
    const ports = {
      agentPath: options.agentPath,
      socketPath: join(config.runDir, 'ports.sock'),
      published: publications(new ContainerTable(database).all()),
    };
    const engine = new Engine(options, await Network.open(database, config.bridge, log, ports));
    try {
      await engine.#takeOver();
    } catch (error) {
      await engine.close().catch(() => undefined);
      throw error;
    }
    return engine;
  }

  /** What an earlier daemon left: that which runs goes on, the rest goes. */
  async #takeOver(): Promise<void> {
    const { config, log } = this.#options;
    await this.#vmHost.sweep().catch((error: unknown) => {
      log.warn({ error: messageOf(error) }, 'removing what VMs of an earlier daemon left');
    });
    await this.#volumes.recover();
    this.#guestKernel = await readGuestFiles(this.#options.guestDirectory).then(
      ({ kernelVersion }) => kernelVersion,
      () => undefined,
    );
    await this.#shared.adoptAll();
    await reconcile({
      containers: this.#containers,
      sandboxes: this.#sandboxes,
      runs: this.#runs,
      log,
      runDir: config.runDir,
      rootDir: config.root,
      paths: (id) => containerPaths(config, id),
      spec: (record) => this.#spec(record, undefined, { rows: 0, columns: 0 }),
    });
    this.#releaseForgottenAddresses();
  }

  /** The daemon ends; containers and VMs go on. Without any, the bridge and its rules go too. */
  async close(): Promise<void> {
    this.#runs.close();
    this.#health.close();
    const busy =
      this.#containers.all().some((record) => record.state.status === 'running') || this.listVms().some((vm) => vm.state === 'running');
    await this.#network.close(!busy);
    await this.#vmHost.close();
  }

  async create(request: CreateRequest): Promise<{ id: string; warnings: string[] }> {
    checkOptions(request.config, request.host);
    checkHostConfig(request.host);
    checkPorts(request.config, request.host);
    const isolation = parseIsolation(request.host.Runtime);
    const { host, warnings } = await settleHost(request.config, request.host, isolation, {
      container: (reference) => this.#containers.look(reference),
      vmCpus: (vm) => this.#shared.options.store.find(vm)?.cpus,
    });
    const image = this.#options.images.get(request.config.Image);
    const id = randomBytes(32).toString('hex');
    const name = request.name ?? randomName((candidate) => this.#containers.hasName(candidate));
    const links = resolveLinks(request.host.Links, (reference) => this.get(reference));
    const composed = { ...composeRecord({ ...request, host }, image, id, name, new Date().toISOString()), links };
    const plan = planMounts({ host, volumes: composed.config.Volumes, find: (reference) => this.get(reference) });
    if (composed.isolation.kind !== 'container') checkForVm(plan.points);
    const record = await this.#mounts.insert(plan.points.length === 0 ? composed : { ...composed, mounts: plan.points }, plan);
    await mkdir(containerPaths(this.#options.config, id).rootDir, { recursive: true, mode: 0o710 });
    if (record.incomplete === true) await this.#runs.complete(id, () => this.#mounts.fill(record, this.#options.images.layers(image)));
    this.#events.emit('container', 'create', id, containerAttributes(record));
    return { id, warnings: [...warnings, ...portWarnings(request.host)] };
  }

  get(reference: string): ContainerRecord {
    return this.#containers.find(reference);
  }

  list(filter: ListFilter): ContainerRecord[] {
    return filterContainers(
      this.#containers.all(),
      filter,
      (reference) => this.get(reference),
      (record, name) => this.#isFromImage(record, name),
    );
  }

  start(reference: string): Promise<void> {
    return this.#runs.start(this.get(reference).id);
  }

  stop(reference: string, options: { signal?: string; timeout?: number }): Promise<void> {
    return this.#runs.stop(this.get(reference).id, options);
  }

  restart(reference: string, options: { signal?: string; timeout?: number }): Promise<void> {
    return this.#runs.restart(this.get(reference).id, options);
  }

  kill(reference: string, signal: string): Promise<void> {
    return this.#runs.kill(this.get(reference).id, signal, reference);
  }

  async pause(reference: string): Promise<void> {
    const { id } = this.get(reference);
    await this.#stats.remember(id);
    await this.#runs.pause(id, true);
  }

  unpause(reference: string): Promise<void> {
    return this.#runs.pause(this.get(reference).id, false);
  }

  // eslint-disable-next-line typescript/require-await -- the contract lets an engine take its time
  async rename(reference: string, name: string): Promise<void> {
    const old = this.get(reference);
    if (name === old.name) throw invalid('Renaming a container with the same name as its current name');
    const record = this.#renamed(old.id, name);
    for (const { id, links = [] } of this.#containers.all())
      if (links.some(({ container }) => container === old.id))
        this.#containers.update(id, { links: links.map((link) => (link.container === old.id ? { ...link, name } : link)) });
    this.#events.emit('container', 'rename', record.id, { ...containerAttributes(record), oldName: `/${old.name}` });
  }

  async remove(reference: string, options: { force: boolean; volumes: boolean }): Promise<void> {
    const { id } = this.get(reference);
    await this.#runs.remove(id, options);
    this.#execs.forget(id);
    this.#stats.forget(id);
    this.#sizes.forget(id);
  }

  // eslint-disable-next-line typescript/require-await -- the contract lets an engine take its time
  async removeLink(parent: string, alias: string): Promise<void> {
    const { id, links = [] } = this.get(parent);
    if (!links.some((link) => link.alias === alias)) throw notFound(`No such container: ${parent}/${alias}`);
    this.#containers.update(id, { links: links.filter((link) => link.alias !== alias) });
  }

  // eslint-disable-next-line typescript/require-await -- its second promise is the wait
  async wait(reference: string, condition: WaitCondition, signal: AbortSignal): Promise<{ result: Promise<WaitResult> }> {
    const record = this.get(reference);
    const { id, state } = record;
    if (condition === 'not-running' && state.status !== 'running' && !isRestarting(record)) {
      return { result: Promise.resolve({ exitCode: state.exitCode ?? 0 }) };
    }
    return { result: this.#runs.waiters.wait(id, condition === 'removed' ? 'removed' : 'exit', signal) };
  }

  // eslint-disable-next-line typescript/require-await -- what fails does so before the first entry
  async logs(reference: string, options: LogOptions): Promise<AsyncIterable<readonly LogEntry[]>> {
    return this.#readLogs(this.get(reference), options);
  }

  async attach(reference: string, options: AttachOptions): Promise<Attachment> {
    const record = this.get(reference);
    refuseRestarting(record);
    if (record.state.status === 'running' && record.state.paused)
      throw conflict(`Container ${record.id} is paused, unpause the container before attach`);
    const live = await this.#runs.attach(record.id, options);
    this.#events.emit('container', 'attach', record.id, containerAttributes(record));
    if (!options.logs) return live;
    const past = this.#readLogs(record, { ...options, follow: false, signal: new AbortController().signal });
    if (!options.stream) live.close();
    return { ...withPast(live, past), tty: live.tty };
  }

  resize(reference: string, rows: number, columns: number): Promise<void> {
    return this.#runs.resize(this.get(reference).id, rows, columns);
  }

  async memory(reference: string): Promise<MemoryUse> {
    const record = this.get(reference);
    const sandbox = this.#runs.sandbox(record.id);
    if (sandbox === undefined) throw conflict(`Container ${record.id} is not running`);
    const { own } = await sandbox.memory();
    if (record.isolation.kind === 'container') return { own, template: 0, pool: 0 };
    const cold = record.isolation.kind === 'vm' && record.isolation.boot === 'cold';
    if (cold) return { own, template: 0, pool: 0 };
    return { own, template: this.#vmHost.templateBytes, pool: await this.#vmHost.pool.memory() };
  }

  size(reference: string): Promise<ContainerSize> {
    return this.#sizes.of(this.get(reference));
  }

  sizes(records: readonly ContainerRecord[]): Promise<ReadonlyMap<string, ContainerSize>> {
    return this.#sizes.ofAll(records);
  }

  update(reference: string, request: UpdateRequest): Promise<void> {
    return this.#runs.update(this.get(reference).id, request);
  }

  async top(reference: string, psArguments: string): Promise<ProcessList> {
    const record = this.get(reference);
    const { id, state } = record;
    const sandbox = this.#runs.sandbox(id);
    if (state.status !== 'running' || sandbox === undefined) throw conflict(`Container ${id} is not running`);
    if (state.paused && record.isolation.kind === 'vm')
      throw conflict(`Container ${id} is paused: its VM, which has its processes, answers again when it is unpaused`);
    const list = await listProcesses(sandbox.kernel(), psArguments);
    this.#events.emit('container', 'top', id, containerAttributes(record));
    return list;
  }

  stats(reference: string, query: StatsQuery): AsyncIterable<StatsSample> {
    return this.#stats.watch(this.get(reference).id, query);
  }

  statPath(reference: string, path: string): Promise<PathStat> {
    return this.#files.stat(this.get(reference).id, reference, path);
  }

  async getArchive(reference: string, path: string): Promise<{ stat: PathStat; content: Readable }> {
    const record = this.get(reference);
    const archive = await this.#files.get(record.id, reference, path);
    this.#events.emit('container', 'archive-path', record.id, containerAttributes(record));
    return archive;
  }

  async putArchive(reference: string, path: string, archive: Readable, options: PutOptions): Promise<void> {
    const record = this.get(reference);
    await this.#files.put(record.id, reference, path, decompress(archive), options);
    this.#events.emit('container', 'extract-to-dir', record.id, containerAttributes(record));
  }

  changes(reference: string): Promise<FileChange[]> {
    return this.#files.changes(this.get(reference).id);
  }

  async exportFiles(reference: string): Promise<Readable> {
    const record = this.get(reference);
    const archive = await this.#files.export(record.id);
    this.#events.emit('container', 'export', record.id, containerAttributes(record));
    return archive;
  }

  // eslint-disable-next-line typescript/require-await -- the contract lets an engine take its time
  async createExec(reference: string, request: ExecRequest): Promise<string> {
    return this.#execs.create(this.get(reference), request);
  }

  getExec(id: string): ExecRecord {
    return this.#execs.get(id);
  }

  startExec(id: string, options: { detach: boolean; rows?: number; columns?: number }): Promise<Attachment | undefined> {
    return this.#execs.start(id, options);
  }

  resizeExec(id: string, rows: number, columns: number): Promise<void> {
    return this.#execs.resize(id, rows, columns);
  }

  async createVm(request: { name: string; cpus?: number; memory?: number }): Promise<VmRecord> {
    checkVmSize(request, { cpus: availableParallelism(), memory: totalmem() });
    await this.#shared.create(checkVmName(request.name), request);
    return this.getVm(request.name);
  }

  listVms(): VmRecord[] {
    return this.#shared.options.store.all().map((record) => this.#present(record));
  }

  getVm(name: string): VmRecord {
    const record = this.#shared.options.store.find(name);
    if (record === undefined) throw notFound(`No such VM: ${name}`);
    return this.#present(record);
  }

  async removeVm(name: string, options: { force: boolean }): Promise<void> {
    const { containers } = this.getVm(name);
    if (containers.length > 0 && !options.force) {
      throw conflict(`cannot remove VM "${name}": it has ${String(containers.length)} container(s): remove them before or force remove`);
    }
    for (const id of containers) await this.#runs.remove(id, { force: true, volumes: false });
    await this.#shared.remove(name);
  }

  announce({ type, action, id, attributes }: Omit<EngineEvent, 'timeNano'>): void {
    this.#events.emit(type, action, id, attributes);
  }

  events(query: EventQuery): AsyncIterable<EngineEvent> {
    return this.#events.query(query);
  }

  async facts(): Promise<SystemFacts> {
    return {
      accelerator: this.#vmHost.acceleration?.accelerator,
      runtimes: RUNTIME_NAMES,
      defaultRuntime: DEFAULT_RUNTIME,
      kernel: kernelRelease(),
      cgroupVersion: await cgroupVersion(),
      cgroupDriver: 'cgroupfs',
      templateBytes: this.#vmHost.templateBytes,
      poolBytes: await this.#vmHost.pool.memory(),
      poolSize: this.#vmHost.pool.size,
    };
  }

  async metrics(version: string): Promise<Family[]> {
    const images = this.#options.images.list({ all: false, filters: {} }).length;
    const state = { version, containers: this.#containers.all(), images, vms: this.listVms(), facts: await this.facts() };
    const { containers, vms } = await measureAll(
      state.containers,
      (id) => this.#sample(id),
      async (id) => this.#runs.sandbox(id)?.machineProcesses(),
      await this.#shared.processes(),
    );
    return [
      ...describeEngine(state),
      this.#eventCounts.read(),
      ...this.#starts.read(),
      ...describeContainers(containers),
      ...describeVms(vms),
    ];
  }

  async #sample(id: string): Promise<StatsSample | undefined> {
    for await (const sample of this.#stats.watch(id, { stream: false, primed: false, signal: new AbortController().signal })) return sample;
    return undefined;
  }

  #readLogs(record: ContainerRecord, options: LogOptions): AsyncIterable<readonly LogEntry[]> {
    const target = logTarget(record, containerPaths(this.#options.config, record.id).log);
    if (target === undefined) throw new AbodeError('not-implemented', 'configured logging driver does not support reading');
    const running = record.state.status === 'running' ? this.#runs.sandbox(record.id) : undefined;
    const ended = running === undefined ? Promise.resolve() : running.exit(record.proc);
    const source = { path: target.path, maxFiles: target.maxFiles, ended };
    return readLog(source, options);
  }

  #spec(record: ContainerRecord, network: NetworkPlan | undefined, size: TerminalSize): ContainerSpec {
    const { images, config } = this.#options;
    const image = images.get(record.imageId);
    return containerSpec(record, {
      paths: containerPaths(config, record.id),
      layers: images.layers(image),
      disk: () => images.disk(image),
      mountpoint: (volume) => this.#volumes.mountpoint(volume),
      network,
      ceilings: this.#ceilings,
      guestKernel: this.#guestKernel,
      ...size,
    });
  }

  #renamed(id: string, name: string): ContainerRecord {
    try {
      return this.#containers.update(id, { name });
    } catch (error) {
      if (!(error instanceof AbodeError)) throw error;
      throw new AbodeError(error.code, `Error when allocating new name: ${error.message}`, { cause: error });
    }
  }

  async #usage(record: ContainerRecord): Promise<number | undefined> {
    const { isolation, state } = record;
    // A VM that stands still does not answer.
    if (isolation.kind === 'vm' && state.status === 'running' && state.paused) return undefined;
    const running = state.status === 'running' ? this.#runs.sandbox(record.id) : undefined;
    return this.#sandboxes.usage(isolation, this.#spec(record, undefined, { rows: 0, columns: 0 }), running);
  }

  #isFromImage(record: ContainerRecord, name: string): boolean {
    const image: ImageRecord | undefined = this.#options.images.find(name);
    return image === undefined ? record.imageReference === name : record.imageId === image.id;
  }

  #present(record: SharedVmRecord): VmRecord {
    const containers = this.#containers.all().filter(({ isolation }) => isolation.kind === 'hybrid' && isolation.vm === record.name);
    return {
      name: record.name,
      id: record.id,
      cpus: record.cpus,
      memory: record.memory,
      createdAt: record.createdAt,
      state: this.#shared.running(record.name) === undefined ? 'stopped' : 'running',
      containers: containers.map(({ id }) => id),
      accelerator: this.#vmHost.acceleration?.accelerator ?? 'unknown',
    };
  }

  /** Addresses of those whom a crash took away before they gave them back. */
  #releaseForgottenAddresses(): void {
    for (const owner of this.#network.owners()) {
      if (!keepsAddress(owner, this.#containers.all())) this.#network.release(owner);
    }
  }
}

/** What was logged first, then what comes. */
function withPast(live: Attachment, past: AsyncIterable<readonly LogEntry[]>): Attachment {
  return {
    tty: live.tty,
    output: (async function* () {
      for await (const entries of past) yield* entries;
      yield* live.output;
    })(),
    write: (data) => live.write(data),
    endInput: () => {
      live.endInput();
    },
    close: () => {
      live.close();
    },
  };
}
