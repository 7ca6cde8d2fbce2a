/** What may be said of two columns, and when nothing may. Pure. */
import type { ColumnResult } from './comparison.ts';
import { formatFactor } from './format.ts';
import { type Measure, MEASURES, type MeasureName } from './measures.ts';
import { INTERVAL_FROM, overlap, type Ratio, ratioOfMedians, summarise } from './statistics.ts';

export interface Verdict {
  readonly measure: MeasureName;
  readonly column: string;
  readonly base: string;
  readonly ratio: Ratio | undefined;
  /** `different` needs both: spreads that do not overlap, and an interval of the ratio without 1. */
  readonly outcome: 'different' | 'overlap' | 'too-few';
}

export function valuesOf(column: ColumnResult, measure: MeasureName): number[] {
  return column.samples.flatMap((sample) => sample[measure] ?? []);
}

/** Every column against the first that did not fail. */
export function judge(columns: readonly ColumnResult[], seed: number): Verdict[] {
  const [base, ...others] = columns.filter(({ failure }) => failure === undefined);
  if (base === undefined) return [];
  return MEASURES.filter(({ verdict }) => verdict).flatMap((measure) =>
    others.flatMap((column) => judgeMeasure(measure, column, base, seed) ?? []),
  );
}

function judgeMeasure({ name }: Measure, column: ColumnResult, base: ColumnResult, seed: number): Verdict | undefined {
  const [values, baseValues] = [valuesOf(column, name), valuesOf(base, name)];
  if (values.length === 0 || baseValues.length === 0) return undefined;
  const ratio = ratioOfMedians(values, baseValues, seed);
  const verdict = { measure: name, column: column.name, base: base.name, ratio };
  if (ratio === undefined) return { ...verdict, outcome: 'too-few' };
  const apart = !overlap(summarise(values).spread, summarise(baseValues).spread) && !(ratio.low <= 1 && 1 <= ratio.high);
  return { ...verdict, outcome: apart ? 'different' : 'overlap' };
}

/** One sentence for each difference; columns of which nothing may be said are named together. */
export function describeVerdicts(verdicts: readonly Verdict[]): string[] {
  return MEASURES.flatMap(({ name, title, more }) => {
    const own = verdicts.filter(({ measure }) => measure === name);
    const different = own.flatMap(({ outcome, column, base, ratio }) =>
      outcome === 'different' && ratio !== undefined ? [`${title}: ${column} ${more} ${describeRatio(ratio)} what ${base} ${more}`] : [],
    );
    return [
      ...different,
      ...withoutVerdict(title, own, 'overlap', 'the spreads overlap'),
      ...withoutVerdict(title, own, 'too-few', `fewer than ${String(INTERVAL_FROM)} runs`),
    ];
  });
}

function describeRatio({ value, low, high }: Ratio): string {
  return `${formatFactor(value)} times (95 % interval ${formatFactor(low)} to ${formatFactor(high)})`;
}

function withoutVerdict(title: string, verdicts: readonly Verdict[], outcome: Verdict['outcome'], reason: string): string[] {
  const meant = verdicts.filter((verdict) => verdict.outcome === outcome);
  const [first] = meant;
  if (first === undefined) return [];
  return [`${title}: no verdict between ${first.base} and ${meant.map(({ column }) => column).join(', ')}: ${reason}`];
}
