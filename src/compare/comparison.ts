/** The result of a comparison: plain data, which the reports are made from. */
import type { MachineFacts } from './machine.ts';
import type { Absences, Sample, Workload } from './measures.ts';

export interface ColumnResult {
  readonly name: string;
  /** Undefined when its preparation failed. */
  readonly engine: string | undefined;
  readonly runs: number;
  /** The first run, on which nothing is based: caches, and a VM's template, are made in it. */
  readonly warmUp: Sample | undefined;
  readonly samples: readonly Sample[];
  readonly absences: Absences;
  readonly imageSize: number | undefined;
  readonly failure: string | undefined;
}

export interface Comparison {
  readonly version: string;
  readonly startedAt: string;
  readonly image: { readonly reference: string; readonly id: string };
  readonly workload: Workload;
  readonly seed: number;
  /** The columns in the order in which they were measured. */
  readonly order: readonly (readonly string[])[];
  readonly machine: MachineFacts;
  /** `kvm` or `tcg`; undefined when no VM ran. */
  readonly accelerator: string | undefined;
  readonly columns: readonly ColumnResult[];
}
