/** A comparison for machines: everything that was measured, and what the text says about it. */
import type { Comparison } from './comparison.ts';
import { MEASURES } from './measures.ts';
import { summarise, type Summary } from './statistics.ts';
import { judge, valuesOf, type Verdict } from './verdict.ts';

/** Goes up when a field changes its meaning or goes away. */
const SCHEMA_VERSION = 1;

export interface JsonReport extends Omit<Comparison, 'columns'> {
  readonly schemaVersion: number;
  readonly units: Readonly<Record<string, string>>;
  readonly columns: ReadonlyArray<Comparison['columns'][number] & { readonly summaries: Readonly<Record<string, Summary>> }>;
  readonly verdicts: readonly Verdict[];
}

export function buildJsonReport(comparison: Comparison): JsonReport {
  return {
    schemaVersion: SCHEMA_VERSION,
    ...comparison,
    units: {
      ...Object.fromEntries(MEASURES.map(({ name, unit }) => [name, unit])),
      imageSize: 'bytes',
    },
    columns: comparison.columns.map((column) => ({
      ...column,
      summaries: Object.fromEntries(
        MEASURES.flatMap(({ name }) => {
          const values = valuesOf(column, name);
          return values.length === 0 ? [] : [[name, summarise(values)]];
        }),
      ),
    })),
    verdicts: judge(comparison.columns, comparison.seed),
  };
}
