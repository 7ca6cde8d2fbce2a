/**
 * The life of containers: start, stop, kill, exit, removal.
 *
 * Invariants: for one container one action at a time (the key of `exclusive` is its id); an exit is handled in its turn too. A run
 * exists in `runs` from its preparation until its sandbox is released. Waiters are told only what the database says already.
 */
import { rm } from 'node:fs/promises';
import { AbodeError, conflict, messageOf } from '../base/errors.ts';
import { Exclusive } from '../base/exclusive.ts';
import type { Log } from '../base/log.ts';
import type { Lease, Network } from '../network/network.ts';
import type { Held } from '../network/ports/ports.ts';
import type { FileAccess } from '../sandbox/file-access.ts';
import type { ContainerSpec, NetworkPlan, ProcessExit, Sandbox } from '../sandbox/sandbox.ts';
import type { Sandboxes } from '../sandbox/sandboxes.ts';
import { StartError } from '../sandbox/start-error.ts';
import type { Attachment, AttachOptions, UpdateRequest } from './api.ts';
import type { ContainerPaths } from './container-paths.ts';
import type { ContainerTable } from './container-table.ts';
import { DeferredAttachment } from './deferred-attachment.ts';
import type { EventBus } from './event-bus.ts';
import { containerAttributes } from './event-attributes.ts';
import { endpointId } from './endpoint-id.ts';
import { hostInterfaceOf } from './host-interface.ts';
import { writeInjectedFiles } from './injected-files.ts';
import { keepsAddress, linkedContainers, type LinkedContainer, linkEnvironment } from './links.ts';
import type { ContainerMounts } from './mounts/container-mounts.ts';
import type { Numbers } from './numbers.ts';
import { portRequests } from './port-requests.ts';
import type { ContainerRecord, ContainerState } from './record.ts';
import { decideRestart, isRestarting, refuseRestarting } from './restart-policy.ts';
import { shareWith, usesBridge } from './share-with.ts';
import { signalNumber } from './signals.ts';
import type { StartMetrics } from './start-metrics.ts';
import { planUpdate } from './update.ts';
import { Waiters } from './waiters.ts';

export interface RunControlParts {
  readonly containers: ContainerTable;
  readonly sandboxes: Sandboxes;
  readonly network: Network;
  readonly mounts: ContainerMounts;
  readonly events: EventBus;
  readonly numbers: Numbers;
  readonly log: Log;
  readonly starts: StartMetrics;
  readonly paths: (id: string) => ContainerPaths;
  /** Told when a container begins to run, goes on, and when it ends or is paused. */
  readonly onRun: (id: string, event: 'start' | 'resume' | 'suspend') => void;
  /** The spec of a container as it is now; `size` is the terminal that the last client told. */
  readonly spec: (record: ContainerRecord, network: NetworkPlan | undefined, size: TerminalSize) => ContainerSpec;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

interface Run {
  readonly sandbox: Sandbox;
  /** Settles when the exit was handled and the sandbox released. */
  ended: Promise<void>;
}

/** A killed process whose exit does not come by then is taken from it: the sandbox is torn down. */
const KILL_MS = 10_000;
const DEFAULT_STOP_SECONDS = 10;

export class RunControl {
  readonly #parts: RunControlParts;
  readonly #exclusive = new Exclusive();
  readonly #runs = new Map<string, Run>();
  readonly #waiting = new Map<string, Set<{ attachment: DeferredAttachment; options: AttachOptions }>>();
  /** Attachments of VMs whose start is under way. */
  readonly #starting = new Map<string, DeferredAttachment[]>();
  readonly #sizes = new Map<string, TerminalSize>();
  /** Stopped, by stop or restart: a kill is none, though it ends one too. */
  readonly #stopping = new Set<string>();
  readonly #delays = new Map<string, { delayMs: number; timer?: NodeJS.Timeout }>();
  readonly waiters: Waiters = new Waiters();
  #closing = false;

  constructor(parts: RunControlParts) {
    this.#parts = parts;
  }

  sandbox(id: string): Sandbox | undefined {
    return this.#runs.get(id)?.sandbox;
  }

  /** Limits and restart policy; of a container that runs at once, of another at its next start. */
  async update(id: string, request: UpdateRequest): Promise<void> {
    await this.#exclusive.run(id, async () => {
      const record = this.#parts.containers.byId(id);
      if (record.removing) throw conflict(`Cannot update container ${id}: Container is marked for removal and cannot be "update".`);
      const { host, changes } = planUpdate(record, request);
      const sandbox = this.sandbox(id);
      if (record.state.status === 'running' && sandbox !== undefined && Object.keys(changes).length > 0) {
        if (record.isolation.kind === 'vm' && record.state.paused)
          throw conflict(`Cannot update container ${id}: its VM is paused, and takes new limits when it is unpaused`);
        await sandbox.update(changes).catch((error: unknown) => {
          if (!(error instanceof AbodeError)) throw error;
          throw new AbodeError(error.code, `Cannot update container ${id}: ${error.message}`, { cause: error });
        });
      }
      this.#parts.containers.update(id, { host });
      this.#emit(id, 'update');
    });
  }

  /** A container's files. Of one that does not run they keep it from starting, or being removed, until they are given back. */
  async files(id: string): Promise<FileAccess> {
    const record = this.#parts.containers.byId(id);
    const sandbox = this.sandbox(id);
    if (record.state.status === 'running' && sandbox !== undefined) return sandbox.files();
    const opened = Promise.withResolvers<FileAccess>();
    const held = this.#exclusive.run(id, async () => {
      const current = this.#parts.containers.byId(id);
      const running = this.sandbox(id);
      // Started while this waited for its turn.
      if (current.state.status === 'running' && running !== undefined) {
        opened.resolve(await running.files());
        return;
      }
      const access = await this.#parts.sandboxes.openFiles(record.isolation, this.#parts.spec(current, undefined, { rows: 0, columns: 0 }));
      const given = Promise.withResolvers<undefined>();
      opened.resolve(endingOnce(access, given.resolve));
      await given.promise;
    });
    held.catch(opened.reject);
    return opened.promise;
  }

  start(id: string): Promise<void> {
    if (isRestarting(this.#parts.containers.byId(id))) throw new AbodeError('not-modified', `Container ${id} is already running`);
    return this.startAnew(id);
  }

  /** Not by its policy: its restarts are counted anew. */
  startAnew(id: string): Promise<void> {
    this.#cancelRestart(id);
    return this.#exclusive.run(id, () => this.#start(id, { counted: false }));
  }

  async stop(id: string, options: { signal?: string; timeout?: number }): Promise<void> {
    if (await this.#giveUpRestart(id)) {
      this.#emit(id, 'stop');
      return;
    }
    this.#cancelRestart(id);
    await this.#exclusive.run(id, async () => {
      const record = this.#parts.containers.byId(id);
      if (record.state.status !== 'running') throw new AbodeError('not-modified', `Container ${id} is already stopped`);
      await this.#stop(record, options);
    });
    await this.#settled(id);
  }

  async restart(id: string, options: { signal?: string; timeout?: number }): Promise<void> {
    this.#cancelRestart(id);
    await this.#exclusive.run(id, async () => {
      const record = this.#parts.containers.byId(id);
      if (record.state.status === 'running') await this.#stop(record, options);
    });
    await this.#settled(id);
    await this.#exclusive.run(id, () => this.#start(id, { counted: false }));
    this.#emit(id, 'restart');
  }

  async kill(id: string, signal: string, reference: string = id): Promise<void> {
    const number = signalNumber(signal);
    // There is nothing to send it to, and there will not be.
    if (await this.#giveUpRestart(id)) return;
    const record = this.#parts.containers.byId(id);
    const sandbox = this.sandbox(id);
    if (record.state.status !== 'running' || sandbox === undefined) throw notRunning(id, reference);
    if (number === signalNumber('KILL') || number === signalNumber(record.config.StopSignal ?? 'TERM')) {
      this.#parts.containers.update(id, { stopRequested: true });
    }
    if (record.state.paused && number === signalNumber('KILL')) await this.#setPaused(record, sandbox, false);
    await sandbox.signal(record.proc, number, false).catch((error: unknown) => {
      // Ended, and its exit is on its way.
      throw error instanceof AbodeError && error.code === 'conflict' ? notRunning(id, reference) : error;
    });
    this.#emit(id, 'kill', { signal: String(number) });
    if (number === signalNumber('KILL')) await this.#exitOrTeardown(id, record, sandbox, KILL_MS);
  }

  pause(id: string, paused: boolean): Promise<void> {
    return this.#exclusive.run(id, async () => {
      const record = this.#parts.containers.byId(id);
      const sandbox = this.sandbox(id);
      refuseRestarting(record);
      if (record.state.status !== 'running' || sandbox === undefined) throw conflict(`container ${id} is not running`);
      if (record.state.paused === paused) throw conflict(paused ? `Container ${id} is already paused` : `Container ${id} is not paused`);
      await this.#setPaused(record, sandbox, paused);
      this.#emit(id, paused ? 'pause' : 'unpause');
    });
  }

  /** What a new container still needs, before anything else is done to it. One that does not get it is removed. */
  complete(id: string, action: () => Promise<void>): Promise<void> {
    return this.#exclusive.run(id, async () => {
      try {
        await action();
        this.#parts.containers.update(id, { incomplete: false });
      } catch (error) {
        this.#parts.containers.update(id, { removeVolumes: true });
        await this.#remove(id);
        throw error;
      }
    });
  }

  /** Stops it if it runs (with force), and removes everything of it. A start or exit under way is waited for first. */
  async remove(id: string, { force, volumes }: { force: boolean; volumes: boolean }): Promise<void> {
    if (!force && isRestarting(this.#parts.containers.byId(id))) throw removalRefused(this.#parts.containers.byId(id));
    this.#cancelRestart(id);
    for (;;) {
      const removed = await this.#exclusive.run(id, async () => {
        if (this.#parts.containers.has(id) && this.#parts.containers.byId(id).state.status === 'running') return false;
        if (volumes && this.#parts.containers.has(id)) this.#parts.containers.update(id, { removing: true, removeVolumes: true });
        await this.#remove(id);
        return true;
      });
      if (removed) return;
      const record = this.#parts.containers.byId(id);
      if (!force) throw removalRefused(record);
      this.#parts.containers.update(id, { removing: true, removeVolumes: volumes });
      await this.kill(id, 'KILL').catch((error: unknown) => {
        if (!(error instanceof AbodeError && error.code === 'conflict')) throw error;
      });
      await this.#settled(id);
    }
  }

  /** Output from the next byte on; of a container that does not run, from its next start. */
  async attach(id: string, options: AttachOptions): Promise<Attachment> {
    const record = this.#parts.containers.byId(id);
    const tty = record.config.Tty ?? false;
    const sandbox = this.sandbox(id);
    if (record.state.status === 'running' && sandbox !== undefined) return sandbox.attach(record.proc, options, tty);
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    const attachment = new DeferredAttachment(tty, () => {
      waiting.delete(entry);
    });
    const entry = { attachment, options };
    waiting.add(entry);
    return attachment;
  }

  async resize(id: string, rows: number, columns: number): Promise<void> {
    const record = this.#parts.containers.byId(id);
    this.#sizes.set(id, { rows, columns });
    if (record.state.status === 'running') await this.sandbox(id)?.resize(record.proc, rows, columns);
  }

  /** Tells those who wait for a VM's first byte why it takes longer than usual. */
  announce(message: string): void {
    for (const attachments of this.#starting.values()) for (const attachment of attachments) attachment.announce(`abode: ${message}\n`);
  }

  /** Takes a container's sandbox over from a former daemon. */
  adopt(record: ContainerRecord, sandbox: Sandbox): void {
    this.#parts.mounts.adopted(record);
    this.#watch(record, sandbox);
    if (record.state.status === 'running' && !record.state.paused) this.#parts.onRun(record.id, 'resume');
  }

  /** A container that the former daemon left running and whose sandbox is gone. */
  async lost(record: ContainerRecord, exit: ProcessExit): Promise<void> {
    await this.#exclusive.run(record.id, () => this.#ended(record.id, exit, undefined));
  }

  /** The daemon ends, containers go on. */
  close(): void {
    this.#closing = true;
    for (const id of this.#delays.keys()) this.#cancelRestart(id);
  }

  /** `counted`: by its policy, which counts its restarts. */
  async #start(id: string, { counted }: { counted: boolean }): Promise<void> {
    const { containers, starts } = this.#parts;
    const before = this.#startable(containers.byId(id));
    await starts.measure(before.isolation, () => this.#startNow(id, before, counted));
  }

  #startable(record: ContainerRecord): ContainerRecord {
    if (record.removing) throw conflict('container is marked for removal and cannot be started');
    if (record.state.status !== 'running') return record;
    if (record.state.paused) throw conflict('cannot start a paused container, try unpause instead');
    throw new AbodeError('not-modified', `Container ${record.id} is already running`);
  }

  async #startNow(id: string, before: ContainerRecord, counted: boolean): Promise<void> {
    const { containers, mounts, network, numbers, paths, sandboxes } = this.#parts;
    const lease = await this.#lease(before);
    const { network: _former, ...rest } = before;
    const record: ContainerRecord = {
      ...rest,
      proc: numbers.next(),
      stopRequested: false,
      ...(lease === undefined ? {} : { network: { network: 'bridge', ...lease, mac: before.config.MacAddress ?? lease.mac } }),
    };
    const { rootDir } = paths(id);
    let sandbox: Sandbox | undefined;
    try {
      const links = lease === undefined ? [] : this.#linked(record);
      const told = links.flatMap((link) => linkEnvironment(record, link));
      const plan = lease === undefined ? undefined : this.#networkPlan(record);
      const own = this.#parts.spec({ ...record, linkEnvironment: told }, plan, this.#sizes.get(id) ?? initialSize(record));
      const spec = shareWith(record, own, (reference) => containers.find(reference), paths);
      // VMs start within the preparation.
      if (record.isolation.kind !== 'container')
        this.#starting.set(
          id,
          [...(this.#waiting.get(id) ?? [])].filter(({ options }) => options.stderr).map(({ attachment }) => attachment),
        );
      await mounts.mounted(before);
      const published = lease === undefined ? undefined : await this.#publish(record, lease.address);
      const [, prepared] = await Promise.all([
        writeInjectedFiles(record, rootDir, links, network.gateway),
        sandboxes.prepare(record.isolation, spec),
      ]);
      sandbox = prepared;
      await this.#connectWaiting(id, sandbox, record);
      const pid = await sandbox.start();
      await published?.translated;
      const state: ContainerState = { status: 'running', pid, startedAt: new Date().toISOString(), paused: false };
      containers.update(id, {
        proc: record.proc,
        stopRequested: false,
        ...(counted ? {} : { restartCount: 0 }),
        state,
        linkEnvironment: told,
        ...(record.network === undefined ? {} : { network: { ...record.network, ports: published?.ports ?? [] } }),
      });
    } catch (error) {
      await this.#failed(id, error, sandbox);
      throw error;
    } finally {
      this.#starting.delete(id);
    }
    this.#watch(containers.byId(id), sandbox);
    this.#parts.onRun(id, 'start');
    this.#emit(id, 'start');
  }

  /** Undefined where the container has no address of its own. */
  async #lease(record: ContainerRecord): Promise<Lease | undefined> {
    try {
      return usesBridge(record) ? this.#parts.network.lease(record.id) : undefined;
    } catch (error) {
      await this.#failed(record.id, error, undefined);
      throw error;
    }
  }

  async #publish(record: ContainerRecord, address: string): Promise<Held> {
    try {
      return await this.#parts.network.publish(record.id, address, portRequests(record));
    } catch (cause) {
      const endpoint = `${record.name} (${endpointId(record.id, 'bridge')})`;
      const message = `driver failed programming external connectivity on endpoint ${endpoint}: ${messageOf(cause)}`;
      throw new AbodeError('internal', message, { cause });
    }
  }

  async #withdraw(id: string): Promise<void> {
    const { network, log } = this.#parts;
    try {
      await network.withdraw(id);
    } catch (error) {
      log.error({ container: id, error: messageOf(error) }, 'withdrawing published ports');
    }
  }

  /** Address and ports go to whoever asks next, and the addresses that were only kept for its links. */
  async #leaveNetwork(id: string): Promise<void> {
    await this.#withdraw(id);
    this.#releaseAddresses(id);
  }

  #releaseAddresses(id: string): void {
    const { containers, network } = this.#parts;
    const left = [id, ...(containers.byId(id).links ?? []).map(({ container }) => container)];
    for (const each of left) if (!keepsAddress(each, containers.all())) network.release(each);
  }

  #linked(record: ContainerRecord): LinkedContainer[] {
    const { containers } = this.#parts;
    return linkedContainers(record, (id) => (containers.has(id) ? containers.byId(id) : undefined));
  }

  #networkPlan(record: ContainerRecord): NetworkPlan {
    const { network } = this.#parts;
    const { address = '', prefixLength = 0, gateway = '', mac = '' } = record.network ?? {};
    return {
      interfaceName: 'eth0',
      hostInterface: hostInterfaceOf(record),
      bridge: network.bridge,
      mac,
      addresses: [`${address}/${String(prefixLength)}`],
      gateways: [gateway],
      mtu: network.mtu,
    };
  }

  async #connectWaiting(id: string, sandbox: Sandbox, record: ContainerRecord): Promise<void> {
    const waiting = [...(this.#waiting.get(id) ?? [])];
    this.#waiting.delete(id);
    if (record.isolation.kind !== 'container')
      this.#starting.set(
        id,
        waiting.filter(({ options }) => options.stderr).map(({ attachment }) => attachment),
      );
    await Promise.all(
      waiting.map(async ({ attachment, options }) => {
        attachment.connect(await sandbox.attach(record.proc, options, record.config.Tty ?? false));
      }),
    );
  }

  async #failed(id: string, error: unknown, sandbox: Sandbox | undefined): Promise<void> {
    const { containers, log } = this.#parts;
    for (const { attachment } of this.#waiting.get(id) ?? []) attachment.connect(undefined);
    this.#waiting.delete(id);
    const record = containers.byId(id);
    try {
      await (sandbox === undefined ? this.#sweep(record) : sandbox.release({ keepData: true }));
    } catch (failure) {
      log.error({ container: id, error: messageOf(failure) }, 'clean-up after a failed start');
    }
    await this.#leaveNetwork(id);
    this.#parts.mounts.unmounted(record);
    const state = failedState(record.state, error);
    const { exitCode } = state;
    containers.update(id, { network: undefined, state });
    this.#emit(id, 'die', { exitCode: String(exitCode) });
    this.waiters.exited(id, { exitCode, error: messageOf(error) });
    if (record.host.AutoRemove === true) await this.#removeItself(id);
  }

  #watch(record: ContainerRecord, sandbox: Sandbox): void {
    const { id, proc } = record;
    const ended = sandbox.exit(proc).then((exit) => {
      // Not handled by a daemon that is on its way out: the next one finds it.
      if (this.#closing) return;
      return this.#exclusive.run(id, () => this.#ended(id, exit, sandbox));
    });
    const run: Run = { sandbox, ended };
    ended.catch((error: unknown) => {
      this.#parts.log.error({ container: id, error: messageOf(error) }, 'handling the exit of a container');
      if (this.#runs.get(id) === run) this.#runs.delete(id);
    });
    this.#runs.set(id, run);
  }

  async #ended(id: string, exit: ProcessExit, sandbox: Sandbox | undefined): Promise<void> {
    const { containers, mounts, log } = this.#parts;
    if (!containers.has(id)) return;
    const record = containers.byId(id);
    if (record.state.status !== 'running') return;
    const { startedAt } = record.state;
    const autoRemove = record.host.AutoRemove === true;
    const decision = decideRestart(
      record,
      exit.exitCode,
      Date.parse(exit.time) - Date.parse(startedAt),
      this.#delays.get(id)?.delayMs ?? 0,
    );
    const restart = decision.restart && !autoRemove && !record.removing && !this.#closing;
    const state: ContainerState = {
      status: 'exited',
      startedAt,
      finishedAt: exit.time,
      exitCode: exit.exitCode,
      oomKilled: exit.oomKilled,
      error: exit.reason,
      ...(restart ? { restarting: true } : {}),
    };
    containers.update(id, { network: undefined, state });
    this.#parts.onRun(id, 'suspend');
    if (exit.oomKilled) this.#emit(id, 'oom');
    this.#emit(id, 'die', {
      exitCode: String(exit.exitCode),
      execDuration: String(Math.max(0, Math.round((Date.parse(exit.time) - Date.parse(startedAt)) / 1000))),
    });
    // Whoever is told of the exit may start another on the same ports.
    await this.#withdraw(id);
    this.waiters.exited(id, { exitCode: exit.exitCode });
    try {
      await (sandbox?.release({ keepData: !autoRemove && !record.removing }) ?? this.#sweep(record));
    } catch (error) {
      log.error({ container: id, error: messageOf(error) }, 'releasing a container that ended');
    }
    this.#runs.delete(id);
    this.#releaseAddresses(id);
    mounts.unmounted(record);
    if (this.#stopping.delete(id)) this.#emit(id, 'stop');
    if (autoRemove) await this.#removeItself(id);
    else if (restart) this.#scheduleRestart(id, decision.delayMs);
    else this.#delays.delete(id);
  }

  async #sweep(record: ContainerRecord): Promise<void> {
    await this.#parts.sandboxes.sweep(record.isolation, { id: record.id, runDir: this.#parts.paths(record.id).runDir });
  }

  #scheduleRestart(id: string, delayMs: number): void {
    const timer = setTimeout(() => {
      const { containers, log } = this.#parts;
      if (!containers.has(id)) return;
      this.#exclusive
        .run(id, async () => {
          // Given up meanwhile.
          if (!containers.has(id) || !isRestarting(containers.byId(id))) return;
          containers.update(id, { restartCount: containers.byId(id).restartCount + 1 });
          await this.#start(id, { counted: true });
        })
        .catch((error: unknown) => {
          log.warn({ container: id, error: messageOf(error) }, 'restart by policy');
        });
    }, delayMs);
    this.#delays.set(id, { delayMs, timer });
  }

  #cancelRestart(id: string): void {
    clearTimeout(this.#delays.get(id)?.timer);
    this.#delays.delete(id);
  }

  /** A container between two runs stays as it is. False: it is not, or not any more. */
  async #giveUpRestart(id: string): Promise<boolean> {
    if (!isRestarting(this.#parts.containers.byId(id))) return false;
    return this.#exclusive.run(id, async () => {
      const { state } = this.#parts.containers.byId(id);
      if (state.status !== 'exited' || state.restarting === undefined) return false;
      this.#cancelRestart(id);
      const { restarting: _due, ...ended } = state;
      this.#parts.containers.update(id, { stopRequested: true, state: ended });
      return true;
    });
  }

  /** Asks to end, waits, kills; the exit is handled by its own turn afterwards. */
  async #stop(record: ContainerRecord, options: { signal?: string; timeout?: number }): Promise<void> {
    const { id } = record;
    const sandbox = this.sandbox(id);
    if (sandbox === undefined) return;
    this.#stopping.add(id);
    this.#parts.containers.update(id, { stopRequested: true });
    if (record.state.status === 'running' && record.state.paused) await this.#setPaused(record, sandbox, false);
    const signal = signalNumber(options.signal ?? record.config.StopSignal ?? 'TERM');
    const seconds = options.timeout ?? record.config.StopTimeout ?? DEFAULT_STOP_SECONDS;
    await sandbox.signal(record.proc, signal, false).catch(() => undefined);
    this.#emit(id, 'kill', { signal: String(signal) });
    if (await exitedWithin(sandbox.exit(record.proc), seconds < 0 ? undefined : seconds * 1000)) return;
    await sandbox.signal(record.proc, signalNumber('KILL'), false).catch(() => undefined);
    this.#emit(id, 'kill', { signal: String(signalNumber('KILL')) });
    await this.#exitOrTeardown(id, record, sandbox, KILL_MS);
  }

  /** A guest that does not carry out a kill loses its VM, a shim that does not its life. */
  async #exitOrTeardown(id: string, record: ContainerRecord, sandbox: Sandbox, deadlineMs: number): Promise<void> {
    if (await exitedWithin(sandbox.exit(record.proc), deadlineMs)) return;
    this.#parts.log.warn({ container: id }, 'a killed container did not end: its sandbox is torn down');
    await sandbox.release({ keepData: false });
  }

  async #setPaused(record: ContainerRecord, sandbox: Sandbox, paused: boolean): Promise<void> {
    if (record.state.status !== 'running') return;
    await sandbox.pause(paused);
    this.#parts.containers.update(record.id, { state: { ...record.state, paused } });
    this.#parts.onRun(record.id, paused ? 'suspend' : 'resume');
  }

  async #settled(id: string): Promise<void> {
    await this.#runs.get(id)?.ended.catch(() => undefined);
  }

  /** `--rm`: with what nobody named. */
  async #removeItself(id: string): Promise<void> {
    this.#parts.containers.update(id, { removing: true, removeVolumes: true });
    await this.#remove(id);
  }

  async #remove(id: string): Promise<void> {
    const { containers, mounts, sandboxes, paths } = this.#parts;
    if (!containers.has(id)) return;
    const record = containers.update(id, { removing: true });
    const { rootDir, runDir } = paths(id);
    await Promise.all([
      rm(rootDir, { recursive: true, force: true }),
      rm(runDir, { recursive: true, force: true }),
      sandboxes.forget(record.isolation, id),
    ]);
    await this.#leaveNetwork(id);
    this.#parts.network.release(id);
    await mounts.remove(record, record.removeVolumes === true);
    for (const { attachment } of this.#waiting.get(id) ?? []) attachment.connect(undefined);
    this.#waiting.delete(id);
    this.#sizes.delete(id);
    this.#parts.events.emit('container', 'destroy', id, containerAttributes(record));
    const exitCode = record.state.status === 'running' ? 0 : (record.state.exitCode ?? 0);
    this.waiters.removed(id, { exitCode });
  }

  #emit(id: string, action: string, more: Readonly<Record<string, string>> = {}): void {
    this.#parts.events.emit('container', action, id, { ...containerAttributes(this.#parts.containers.byId(id)), ...more });
  }
}

/** As the request told it; a client on a terminal tells it again soon. */
function initialSize({ host }: ContainerRecord): TerminalSize {
  const [rows = 0, columns = 0] = host.ConsoleSize ?? [];
  return { rows, columns };
}

/** A container that ran before has ended all the same; one that never did is still new. */
function failedState(
  before: ContainerState,
  error: unknown,
): Exclude<ContainerState, { status: 'running' }> & { exitCode: number; error: string } {
  const exited = before.status === 'exited' ? before : undefined;
  const exitCode = error instanceof StartError ? error.exitCode : (exited?.exitCode ?? 0) || 128;
  const message = messageOf(error);
  if (exited === undefined) return { status: 'created', exitCode, error: message };
  const { restarting: _due, ...ended } = exited;
  return { ...ended, exitCode, error: message };
}

function endingOnce(access: FileAccess, end: (value: undefined) => void): FileAccess {
  return {
    root: (mounts) => access.root(mounts),
    layer: () => access.layer(),
    start: (words, options) => access.start(words, options),
    async [Symbol.asyncDispose]() {
      try {
        await access[Symbol.asyncDispose]();
      } finally {
        end(undefined);
      }
    },
  };
}

function notRunning(id: string, reference: string): AbodeError {
  return conflict(`cannot kill container: ${reference}: container ${id} is not running`);
}

function removalRefused(record: ContainerRecord): AbodeError {
  const status = isRestarting(record) ? 'restarting' : 'running';
  const paused = record.state.status === 'running' && record.state.paused;
  return conflict(
    paused
      ? `cannot remove container "/${record.name}": container is paused and must be unpaused first`
      : `cannot remove container "/${record.name}": container is ${status}: stop the container before removing or force remove`,
  );
}

async function exitedWithin(exit: Promise<unknown>, deadlineMs: number | undefined): Promise<boolean> {
  if (deadlineMs === undefined) return exit.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, deadlineMs);
  });
  try {
    return await Promise.race([exit.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
