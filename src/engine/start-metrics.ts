/** How long starts take and how many fail, by isolation. */
import { Counter } from '../metrics/counter.ts';
import type { Family } from '../metrics/family.ts';
import { Histogram } from '../metrics/histogram.ts';
import type { Isolation } from './record.ts';

/** From a warm container to a cold boot under emulation. */
const BOUNDS = [0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60];

export class StartMetrics {
  readonly #durations = new Histogram(
    'abode_container_start_duration_seconds',
    'Time from the request to start a container until its process ran, of starts that succeeded.',
    BOUNDS,
  );
  readonly #failures = new Counter('abode_container_start_failures_total', 'Starts of containers that failed.');

  /** Measures a start; its error goes on. */
  async measure(isolation: Isolation, start: () => Promise<void>): Promise<void> {
    const labels = { isolation: isolation.kind };
    const began = performance.now();
    try {
      await start();
    } catch (error) {
      this.#failures.add(labels);
      throw error;
    }
    this.#durations.observe(labels, (performance.now() - began) / 1000);
  }

  read(): Family[] {
    return [this.#durations.read(), this.#failures.read()];
  }
}
