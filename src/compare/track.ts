/** A column while it is prepared and measured. Its failure is its own; only the user's interruption ends everything. */
import { AbodeError, messageOf } from '../base/errors.ts';
import type { Column, Reading } from './column.ts';
import type { ColumnResult } from './comparison.ts';
import type { Absences, Sample } from './measures.ts';
import type { PlannedColumn } from './planned-column.ts';

export class Track {
  readonly plan: PlannedColumn;
  column: Column | undefined;
  warmUp: Sample | undefined;
  #samples: Sample[] = [];
  #absences: Absences = {};
  #imageSize: number | undefined;
  #failure: string | undefined;

  constructor(plan: PlannedColumn) {
    this.plan = plan;
  }

  get name(): string {
    return this.plan.name;
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  async attempt(signal: AbortSignal, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      signal.throwIfAborted();
      const hint = error instanceof AbodeError ? error.hint : undefined;
      this.#failure = hint === undefined ? messageOf(error) : `${messageOf(error)}; ${hint}`;
    }
  }

  keep({ sample, absences }: Reading): void {
    this.#samples.push(sample);
    this.#absences = { ...this.#absences, ...absences };
  }

  async readImageSize(signal: AbortSignal): Promise<void> {
    const size = await this.column?.readImageSize(signal);
    if (typeof size === 'number') this.#imageSize = size;
    else if (size !== undefined) this.#absences = { ...this.#absences, imageSize: size };
  }

  result(): ColumnResult {
    return {
      name: this.name,
      engine: this.column?.engine,
      runs: this.column?.runs ?? 0,
      warmUp: this.warmUp,
      samples: this.#samples,
      absences: this.#absences,
      imageSize: this.#imageSize,
      failure: this.#failure,
    };
  }
}
