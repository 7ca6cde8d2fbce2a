/** Processes added to running containers. They live as long as their container's run; the daemon's restart forgets those that ended. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { join } from 'node:path';
import { conflict, invalid, messageOf, notFound } from '../base/errors.ts';
import type { ProcessSpec, Sandbox } from '../sandbox/sandbox.ts';
import { StartError } from '../sandbox/start-error.ts';
import type { Attachment, ExecRequest } from './api.ts';
import type { ContainerPaths } from './container-paths.ts';
import type { ContainerTable } from './container-table.ts';
import { containerAttributes } from './event-attributes.ts';
import type { EventBus } from './event-bus.ts';
import { mergeEnvironment } from './compose-record.ts';
import type { Numbers } from './numbers.ts';
import { withOwnEnvironment } from './own-environment.ts';
import type { ContainerRecord, ExecRecord } from './record.ts';
import { refuseRestarting } from './restart-policy.ts';
import type { RunControl } from './run-control.ts';

export interface ExecsParts {
  readonly containers: ContainerTable;
  readonly runs: RunControl;
  readonly events: EventBus;
  readonly numbers: Numbers;
  readonly paths: (id: string) => ContainerPaths;
}

/** Ended execs are told of for this long, as Docker does. */
const KEEP_MS = 5 * 60_000;

export class Execs {
  readonly #parts: ExecsParts;
  readonly #records = new Map<string, ExecRecord>();

  constructor(parts: ExecsParts) {
    this.#parts = parts;
  }

  create(container: ContainerRecord, request: ExecRequest): string {
    this.#running(container.id);
    if (request.command.length === 0) throw invalid('No exec command specified');
    const id = randomBytes(32).toString('hex');
    this.#records.set(id, {
      ...request,
      id,
      containerId: container.id,
      proc: this.#parts.numbers.next(),
      running: false,
      pid: 0,
      exitCode: null,
    });
    this.#emit(container.id, `exec_create: ${request.command.join(' ')}`, id);
    return id;
  }

  get(id: string): ExecRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw notFound(`No such exec instance: ${id}`);
    return record;
  }

  ofContainer(container: string): string[] {
    return [...this.#records.values()].filter((record) => record.containerId === container && record.running).map((record) => record.id);
  }

  async start(id: string, options: { detach: boolean; rows?: number; columns?: number }): Promise<Attachment | undefined> {
    const record = this.get(id);
    if (record.running || record.exitCode !== null) throw conflict(`Exec command ${id} is already running`);
    const sandbox = this.#running(record.containerId);
    this.#update(id, { running: true });
    const process = this.#processSpec(record, options);
    let attachment: Attachment | undefined;
    try {
      if (!options.detach) {
        const streams = { stdin: record.attachStdin, stdout: record.attachStdout, stderr: record.attachStderr };
        attachment = await sandbox.attach(record.proc, streams, record.tty);
      }
      const pid = await sandbox.exec(process);
      this.#update(id, { pid });
    } catch (error) {
      attachment?.close();
      // Of an exec that fails for another reason Docker tells 126.
      this.#ended(id, error instanceof StartError && error.exitCode === 127 ? 127 : 126);
      throw error;
    }
    this.#emit(record.containerId, `exec_start: ${record.command.join(' ')}`, id);
    const ended = sandbox.exit(record.proc).then(
      (exit) => {
        this.#ended(id, exit.exitCode);
        this.#emit(record.containerId, 'exec_die', id, { exitCode: String(exit.exitCode) });
        void sandbox.releaseProcess(record.proc);
      },
      (error: unknown) => {
        this.#ended(id, 255);
        this.#emit(record.containerId, 'exec_die', id, { exitCode: '255', error: messageOf(error) });
      },
    );
    return attachment === undefined ? undefined : endingAfter(attachment, ended);
  }

  async resize(id: string, rows: number, columns: number): Promise<void> {
    const record = this.get(id);
    if (record.running) await this.#parts.runs.sandbox(record.containerId)?.resize(record.proc, rows, columns);
  }

  /** Ends it by force. */
  async kill(id: string): Promise<void> {
    const record = this.get(id);
    if (record.running) await this.#parts.runs.sandbox(record.containerId)?.signal(record.proc, constants.signals.SIGKILL, false);
  }

  forget(container: string): void {
    for (const record of this.#records.values()) if (record.containerId === container) this.#records.delete(record.id);
  }

  #processSpec(record: ExecRecord, size: { rows?: number; columns?: number }): ProcessSpec {
    const container = this.#parts.containers.byId(record.containerId);
    const { config } = container;
    return {
      proc: record.proc,
      args: record.command,
      env: mergeEnvironment(record.env, withOwnEnvironment(config, record.tty, container.linkEnvironment)),
      cwd: record.workingDir === '' ? (config.WorkingDir ?? '') : record.workingDir,
      user: record.user === '' ? (config.User ?? '') : record.user,
      groupAdd: container.host.GroupAdd ?? [],
      tty: record.tty,
      openStdin: record.attachStdin,
      stdinOnce: record.attachStdin,
      rows: size.rows ?? 0,
      columns: size.columns ?? 0,
      log: undefined,
      exitPath: join(this.#parts.paths(container.id).runDir, `exec-${String(record.proc)}.exit`),
      privileged: record.privileged || container.host.Privileged === true,
    };
  }

  #running(container: string): Sandbox {
    const record = this.#parts.containers.byId(container);
    const sandbox = this.#parts.runs.sandbox(container);
    refuseRestarting(record);
    if (record.state.status !== 'running' || sandbox === undefined) throw conflict(`container ${container} is not running`);
    if (record.state.paused) throw conflict(`Container ${container} is paused, unpause the container before exec`);
    return sandbox;
  }

  #ended(id: string, exitCode: number): void {
    this.#update(id, { running: false, exitCode });
    setTimeout(() => this.#records.delete(id), KEEP_MS).unref();
  }

  #update(id: string, change: Partial<ExecRecord>): void {
    const record = this.#records.get(id);
    if (record !== undefined) this.#records.set(id, { ...record, ...change });
  }

  #emit(container: string, action: string, exec: string, more: Readonly<Record<string, string>> = {}): void {
    if (!this.#parts.containers.has(container)) return;
    this.#parts.events.emit('container', action, container, {
      ...containerAttributes(this.#parts.containers.byId(container)),
      execID: exec,
      ...more,
    });
  }
}

/** A client asks for the exit code as soon as the output ends: it is known by then. One that leaves waits for nothing. */
function endingAfter(attachment: Attachment, ended: Promise<void>): Attachment {
  const left = Promise.withResolvers<undefined>();
  return {
    tty: attachment.tty,
    output: (async function* () {
      yield* attachment.output;
      await Promise.race([ended, left.promise]);
    })(),
    write: (data) => attachment.write(data),
    endInput: () => {
      attachment.endInput();
    },
    close: () => {
      left.resolve(undefined);
      attachment.close();
    },
  };
}
