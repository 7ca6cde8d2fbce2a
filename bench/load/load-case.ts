/** What each load of bench/load.ts is, and what one engine does for it. */
import type { DockerClient } from '../../src/docker-client/client.ts';

/** A way of running containers that a load is given to. */
export interface LoadColumn {
  readonly name: string;
  readonly engine: string;
  readonly client: DockerClient;
  readonly image: string;
  readonly runtime: string | undefined;
  /** All containers of the run carry it; whatever has it in the end is removed. */
  readonly label: string;
}

/** Milliseconds by the name of the measure. */
export type Measured = Readonly<Record<string, number>>;

interface Measure {
  readonly name: string;
  /** What one measurement moves or does, where a rate says more than a time. */
  readonly amount?: { readonly value: number; readonly unit: string };
}

export interface LoadCase {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly measures: readonly Measure[];
  /** Makes what stays for all measurements, and gives what one of them is. */
  prepare(column: LoadColumn, signal: AbortSignal): Promise<() => Promise<Measured>>;
}

export const CONTAINERS: readonly string[] = ['dockerd', 'container'];

export async function timed(action: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await action();
  return performance.now() - since;
}
