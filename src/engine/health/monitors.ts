/**
 * Checks the health of running containers, one check at a time for each. What was seen is in the container's record, so that a daemon
 * that comes back goes on where the former was.
 */
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { ContainerTable } from '../container-table.ts';
import type { EventBus } from '../event-bus.ts';
import { containerAttributes } from '../event-attributes.ts';
import type { Execs } from '../execs.ts';
import type { ContainerRecord } from '../record.ts';
import { beginHealth, commandOf, type HealthState, intervalOf, judge, suspendHealth, timeOf } from './health-state.ts';
import { probe } from './probe.ts';

export interface MonitorParts {
  readonly containers: ContainerTable;
  readonly events: EventBus;
  readonly execs: Execs;
  readonly log: Log;
}

/** setTimeout takes no more. */
const MAX_MS = 2 ** 31 - 1;

export class HealthMonitors {
  readonly #parts: MonitorParts;
  readonly #running = new Map<string, AbortController>();

  constructor(parts: MonitorParts) {
    this.#parts = parts;
  }

  /** The container has started. */
  begin(id: string): void {
    const { containers } = this.#parts;
    const record = containers.byId(id);
    if (commandOf(record.config.Healthcheck, record.config.Shell) === undefined) return;
    containers.update(id, { health: beginHealth(record.health) });
    this.resume(id);
  }

  /** It goes on after a pause, or is found running by a new daemon. */
  resume(id: string): void {
    const record = this.#parts.containers.byId(id);
    const command = commandOf(record.config.Healthcheck, record.config.Shell);
    if (command === undefined || this.#running.has(id)) return;
    const controller = new AbortController();
    this.#running.set(id, controller);
    this.#check(id, command, controller.signal).catch((error: unknown) => {
      this.#parts.log.error({ container: id, error: messageOf(error) }, 'checking the health of a container');
    });
  }

  /** It has ended, or is paused. */
  suspend(id: string): void {
    const controller = this.#running.get(id);
    if (controller === undefined) return;
    this.#running.delete(id);
    controller.abort();
    const { containers } = this.#parts;
    const health = containers.has(id) ? containers.byId(id).health : undefined;
    if (health !== undefined) containers.update(id, { health: suspendHealth(health) });
  }

  /** The daemon ends: what was seen stays as it is. */
  close(): void {
    for (const controller of this.#running.values()) controller.abort();
    this.#running.clear();
  }

  async #check(id: string, command: readonly string[], signal: AbortSignal): Promise<void> {
    const { containers, execs } = this.#parts;
    for (;;) {
      await pause(this.#untilNext(containers.byId(id)), signal);
      if (signal.aborted) return;
      const record = containers.byId(id);
      const timeoutMs = timeOf(record.config.Healthcheck ?? {}, 'Timeout');
      const result = await probe(record, command, { execs, timeoutMs, signal });
      if (signal.aborted || !containers.has(id)) return;
      this.#take(containers.byId(id), (health, startedAt) => judge(health, result, record.config.Healthcheck ?? {}, startedAt));
    }
  }

  /** Of one that a former daemon checked, what is left of its interval. */
  #untilNext({ state, config, health }: ContainerRecord): number {
    if (state.status !== 'running' || health === undefined) return MAX_MS;
    const now = Date.now();
    const startedAt = Date.parse(state.startedAt);
    const interval = intervalOf(config.Healthcheck ?? {}, health.status, now - startedAt);
    const last = Math.max(startedAt, Date.parse(health.log.at(-1)?.end ?? state.startedAt));
    return Math.max(0, Math.min(interval, last + interval - now, MAX_MS));
  }

  #take(record: ContainerRecord, change: (health: HealthState, startedAt: string) => HealthState): void {
    const { containers, events } = this.#parts;
    if (record.state.status !== 'running' || record.health === undefined) return;
    const health = change(record.health, record.state.startedAt);
    containers.update(record.id, { health });
    if (health.status !== record.health.status)
      events.emit('container', `health_status: ${health.status}`, record.id, containerAttributes(record));
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
