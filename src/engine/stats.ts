/** `docker stats`: a sample each second for as long as somebody looks, of a container that runs or will. */
import { setTimeout as sleep } from 'node:timers/promises';
import { conflict } from '../base/errors.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Figures, StatsQuery, StatsSample } from './api.ts';
import type { ContainerTable } from './container-table.ts';
import { readFigures, readMachineCost } from './figures.ts';

const INTERVAL_MS = 1000;

export interface StatsParts {
  readonly containers: ContainerTable;
  readonly sandbox: (id: string) => Sandbox | undefined;
}

export class Stats {
  readonly #parts: StatsParts;
  /** Of VMs that are paused: what stands still does not change, and does not answer. */
  readonly #paused = new Map<string, Figures>();

  constructor(parts: StatsParts) {
    this.#parts = parts;
  }

  /** To be called before a container is paused. */
  async remember(id: string): Promise<void> {
    const { isolation } = this.#parts.containers.byId(id);
    if (isolation.kind !== 'vm') return;
    const figures = (await this.#sample(id).catch(() => undefined))?.figures;
    if (figures !== undefined) this.#paused.set(id, figures);
  }

  forget(id: string): void {
    this.#paused.delete(id);
  }

  async *watch(id: string, { stream, primed, signal }: StatsQuery): AsyncGenerator<StatsSample> {
    const { containers } = this.#parts;
    if (!stream && containers.byId(id).state.status !== 'running') {
      yield { time: undefined, figures: undefined, machine: undefined };
      return;
    }
    // Shares are differences: without a stream the first sample is only what the second is compared with.
    let left = stream ? Infinity : primed ? 2 : 1;
    while (!signal.aborted && containers.has(id)) {
      yield await this.#sample(id);
      left -= 1;
      if (left <= 0) return;
      await sleep(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #sample(id: string): Promise<StatsSample> {
    const record = this.#parts.containers.byId(id);
    const sandbox = this.#parts.sandbox(id);
    if (record.state.status !== 'running' || sandbox === undefined) return { time: undefined, figures: undefined, machine: undefined };
    const still = record.isolation.kind === 'vm' && record.state.paused;
    const [figures, machine] = await Promise.all([
      still ? this.#figuresBefore(id) : readFigures(sandbox.kernel()),
      sandbox.machineProcesses().then((processes) => (processes === undefined ? undefined : readMachineCost(processes))),
    ]);
    return { time: figures === undefined ? undefined : new Date().toISOString(), figures, machine };
  }

  #figuresBefore(id: string): Figures {
    const figures = this.#paused.get(id);
    if (figures === undefined)
      throw conflict(`Container ${id} is paused: its VM was paused before this daemon started, and tells its figures when it is unpaused`);
    return figures;
  }
}
