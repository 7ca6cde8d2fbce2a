/** What bench/load.ts measured, and its Markdown. Pure. */
import { formatDuration, formatFactor, formatRange } from '../../src/compare/format.ts';
import type { MachineFacts } from '../../src/compare/machine.ts';
import { ratioOfMedians, summarise } from '../../src/compare/statistics.ts';

export interface LoadSeries {
  readonly load: string;
  readonly title: string;
  readonly measure: string;
  readonly amount: { readonly value: number; readonly unit: string } | undefined;
  readonly column: string;
  readonly milliseconds: readonly number[];
  readonly failure: string | undefined;
}

export interface LoadResult {
  readonly schemaVersion: 1;
  readonly startedAt: string;
  readonly seed: number;
  readonly machine: MachineFacts;
  readonly engines: readonly string[];
  readonly accelerator: string | undefined;
  /** Of each load's measure the first column is what the others are compared with. */
  readonly series: readonly LoadSeries[];
}

export function renderLoadResult({ startedAt, seed, machine, engines, accelerator, series }: LoadResult): string {
  const titles = [...new Set(series.map(({ title }) => title))];
  return [
    '# Load',
    '',
    `- ${startedAt}, ${machine.cpu}, ${String(machine.cpus)} CPUs, ${machine.system}, kernel ${machine.kernel}, load ${machine.load.toFixed(1)} before`,
    `- ${engines.join(', ')}; VMs: ${accelerator ?? 'none ran'}; random order in blocks, seed ${String(seed)}`,
    '- spread: the middle half of the runs, all of them where they are fewer than 8; faster: median of dockerd / median, with its bootstrap interval',
    ...titles.flatMap((title) => [
      '',
      `## ${title}`,
      '',
      ...tableOf(
        series.filter((row) => row.title === title),
        seed,
      ),
    ]),
    '',
  ].join('\n');
}

function tableOf(series: readonly LoadSeries[], seed: number): string[] {
  return [
    '| measure | column | runs | median | spread | rate | times as fast | 95 % interval |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...series.map((row) => {
      const { measure, column, milliseconds, failure } = row;
      if (milliseconds.length === 0) return `| ${measure} | ${column} | 0 | failed: ${failure ?? 'no run'} | | | | |`;
      const base = series.find((other) => other.measure === measure);
      const { median, spread, count } = summarise(milliseconds);
      const ratio = row === base ? undefined : ratioOfMedians(base?.milliseconds ?? [], milliseconds, seed);
      return `| ${[
        measure,
        column,
        failure === undefined ? String(count) : `${String(count)}, then failed: ${failure}`,
        formatDuration(median),
        formatRange(spread.low, spread.high, 'ms'),
        row.amount === undefined ? '' : `${formatFactor((row.amount.value * 1000) / median)} ${row.amount.unit}/s`,
        ratio === undefined ? '' : formatFactor(ratio.value),
        ratio === undefined ? '' : `${formatFactor(ratio.low)} to ${formatFactor(ratio.high)}`,
      ].join(' | ')} |`;
    }),
  ];
}
