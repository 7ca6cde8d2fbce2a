/** A comparison as text. Pure. */
import type { ColumnResult, Comparison } from './comparison.ts';
import { formatBytes, formatRange, formatValue } from './format.ts';
import { describeMeasures, type Measure, MEASURES } from './measures.ts';
import { summarise } from './statistics.ts';
import { type Cell, renderTable } from './table.ts';
import { describeVerdicts, judge, valuesOf } from './verdict.ts';

const NONE = '–';

export function renderReport(comparison: Comparison): string {
  const shown = comparison.columns.filter(({ samples }) => samples.length > 0);
  const verdicts = describeVerdicts(judge(comparison.columns, comparison.seed));
  const parts = [
    describeCircumstances(comparison),
    describeAcceleration(comparison.accelerator),
    shown.length === 0 ? undefined : renderTable(['', ...shown.map(({ name }) => name)], rowsOf(shown)),
    listOf(
      'Failed',
      comparison.columns.flatMap(({ name, failure }) => (failure === undefined ? [] : [`${name}: ${failure}`])),
    ),
    listOf('Verdicts', verdicts),
    listOf('Left empty', shown.flatMap(describeAbsences)),
    listOf('Definitions', [
      'each cell: the median, below it the middle half of the runs (all of them where there are fewer than 8).',
      ...describeMeasures(comparison.workload),
    ]),
  ];
  return `${parts.filter((part) => part !== undefined).join('\n\n')}\n`;
}

function describeCircumstances({ image, workload, seed, machine, columns }: Comparison): string {
  const work = workload.command === undefined ? '' : `, command: ${workload.command.join(' ')}`;
  const runs = columns.map(({ name, samples }) => `${name} ${String(samples.length)}`).join(', ');
  const engines = [...new Set(columns.flatMap(({ engine }) => engine ?? []))].join(', ');
  const busy =
    machine.load > machine.cpus / 2
      ? `\nThe machine was busy: load ${machine.load.toFixed(1)} on ${String(machine.cpus)} CPUs. Repeat on a quiet one.`
      : '';
  return [
    `Image ${image.reference} (${image.id.replace(/^sha256:/, '').slice(0, 12)})${work}`,
    `Runs: ${runs}; random order in blocks, seed ${String(seed)}`,
    `Engines: ${engines}`,
    `Machine: ${machine.cpu}, ${String(machine.cpus)} CPUs, ${formatBytes(machine.memory)}, ${machine.system}, kernel ${machine.kernel}${busy}`,
  ].join('\n');
}

function describeAcceleration(accelerator: string | undefined): string {
  if (accelerator === undefined) return 'Acceleration: not probed, since no VM ran.';
  if (accelerator !== 'tcg') return `Acceleration of VMs: ${accelerator}.`;
  return 'Acceleration of VMs: tcg, software emulation. These numbers say nothing about VMs with hardware virtualisation.';
}

function rowsOf(columns: readonly ColumnResult[]): Cell[][] {
  const measured = MEASURES.filter(({ name }) => columns.some((column) => valuesOf(column, name).length > 0));
  return [
    ...measured.map((measure) => [[measure.title], ...columns.map((column) => cellOf(column, measure))]),
    [['image'], ...columns.map(({ imageSize }) => [imageSize === undefined ? NONE : formatBytes(imageSize)])],
  ];
}

function cellOf(column: ColumnResult, { name, unit }: Measure): Cell {
  const values = valuesOf(column, name);
  if (values.length === 0) return [NONE];
  const { median, spread } = summarise(values);
  const value = formatValue(median, unit);
  const range = formatRange(spread.low, spread.high, unit);
  return range === value ? [value] : [value, range];
}

/** Peers have no template; that needs no explanation in each column. */
function describeAbsences({ name, absences }: ColumnResult): string[] {
  return Object.entries(absences).flatMap(([measure, reason]) => {
    if (reason === 'not used') return [];
    const title = MEASURES.find((candidate) => candidate.name === measure)?.title ?? 'image';
    return [`${name}, ${title}: ${reason}`];
  });
}

function listOf(title: string, lines: readonly string[]): string | undefined {
  return lines.length === 0 ? undefined : [title, ...lines.map((line) => `  ${line}`)].join('\n');
}
