/** What the benchmark measured, and its Markdown. Pure. */
import { formatBytes, formatDuration, formatFactor, formatRange } from '../src/compare/format.ts';
import type { MachineFacts } from '../src/compare/machine.ts';
import { ratioOfMedians, summarise } from '../src/compare/statistics.ts';
import type { HeldMemory } from './start-columns.ts';

export type NetworkMode = 'none' | 'default';

export interface StartSeries {
  readonly column: string;
  readonly engine: string;
  readonly network: NetworkMode;
  readonly milliseconds: readonly number[];
  readonly failure: string | undefined;
}

export interface StartResult {
  readonly schemaVersion: 1;
  readonly startedAt: string;
  readonly command: string;
  readonly client: string;
  readonly seed: number;
  readonly machine: MachineFacts;
  readonly accelerator: string | undefined;
  readonly held: readonly HeldMemory[];
  /** The first column of each network mode is what the others are compared with. */
  readonly series: readonly StartSeries[];
}

export function renderStartResult(result: StartResult): string {
  const { machine, accelerator } = result;
  const modes = [...new Set(result.series.map(({ network }) => network))];
  return [
    `# \`${result.command}\``,
    '',
    `- ${result.startedAt}, ${machine.cpu}, ${String(machine.cpus)} CPUs, ${formatBytes(machine.memory)}, ${machine.system}, kernel ${machine.kernel}, load ${machine.load.toFixed(1)} before`,
    `- client: ${result.client}; random order in blocks, seed ${String(result.seed)}`,
    accelerator === 'tcg'
      ? '- VMs: tcg, software emulation; nothing is said here about hardware virtualisation'
      : `- VMs: ${accelerator ?? 'none ran'}`,
    '- spread: the middle half of the runs, all of them where they are fewer than 8; ratio: of the medians, with its bootstrap interval',
    ...modes.flatMap((mode) => ['', `## network: ${mode}`, '', ...tableOf(result, mode)]),
    '',
    '## memory held for all VMs together',
    '',
    '| daemon | template | pool |',
    '| --- | --- | --- |',
    ...result.held.map(({ daemon, template, pool }) => `| ${daemon} | ${formatBytes(template)} | ${formatBytes(pool)} |`),
    '',
  ].join('\n');
}

function tableOf({ series, seed }: StartResult, mode: NetworkMode): string[] {
  const own = series.filter(({ network }) => network === mode);
  const base = own[0];
  return [
    `| column | engine | runs | median | spread | ratio to ${base?.column ?? 'the first'} | 95 % interval |`,
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...own.map((row) => {
      if (row.milliseconds.length === 0) return `| ${row.column} | ${row.engine} | 0 | failed: ${row.failure ?? 'no run'} | | | |`;
      const { median, spread, count } = summarise(row.milliseconds);
      const ratio = row === base ? undefined : ratioOfMedians(row.milliseconds, base?.milliseconds ?? [], seed);
      return `| ${[
        row.column,
        row.engine,
        row.failure === undefined ? String(count) : `${String(count)}, then failed: ${row.failure}`,
        formatDuration(median),
        formatRange(spread.low, spread.high, 'ms'),
        ratio === undefined ? '' : formatFactor(ratio.value),
        ratio === undefined ? '' : `${formatFactor(ratio.low)} to ${formatFactor(ratio.high)}`,
      ].join(' | ')} |`;
    }),
  ];
}
