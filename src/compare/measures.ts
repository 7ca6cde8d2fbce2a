/** What is measured, with the one definition of each that holds for every column and is printed below the table. */
export type MeasureName = 'start' | 'total' | 'work' | 'roundTrip' | 'memory' | 'template' | 'pool';
export type Unit = 'ms' | 'bytes';

export interface Measure {
  readonly name: MeasureName;
  readonly title: string;
  readonly unit: Unit;
  /** A sentence is said about each column's ratio to the first one. */
  readonly verdict: boolean;
  /** How a sentence speaks of it: `vm takes 5 times as long as container`. */
  readonly more: string;
}

export const MEASURES: readonly Measure[] = [
  { name: 'start', title: 'start latency', unit: 'ms', verdict: true, more: 'takes' },
  { name: 'total', title: 'run to removal', unit: 'ms', verdict: true, more: 'takes' },
  { name: 'work', title: 'CPU work', unit: 'ms', verdict: true, more: 'takes' },
  { name: 'roundTrip', title: 'stdio round trip', unit: 'ms', verdict: false, more: 'takes' },
  { name: 'memory', title: 'memory, own', unit: 'bytes', verdict: true, more: 'needs' },
  { name: 'template', title: 'memory, template', unit: 'bytes', verdict: false, more: 'needs' },
  { name: 'pool', title: 'memory, pool', unit: 'bytes', verdict: false, more: 'needs' },
];

export type Sample = { [name in MeasureName]?: number };
/** Why a column has no value of a measure. */
export type Absences = { [name in MeasureName | 'imageSize']?: string };

export interface Workload {
  /** The user's command; undefined: the built-in work. */
  readonly command: readonly string[] | undefined;
  readonly workMiB: number;
}

export function describeMeasures(workload: Workload): string[] {
  return [
    'start latency: from the request to create the container, through the request to start it, to the first byte of its output; attached before the start.',
    'run to removal: the same beginning, until the request to remove the ended container is answered.',
    workload.command === undefined
      ? `CPU work: ${String(workload.workMiB)} MiB of zeros through sha256sum of the image, from the byte that releases it to its last output, by this side's clock; it includes one stdio round trip.`
      : "CPU work: the command's wall time, from the answer to the request to start it to the end of its output, by this side's clock.",
    ...(workload.command === undefined ? ['stdio round trip: one line to a running process and back.'] : []),
    'memory, own: what the host holds for one instance while it waits or works: the memory of its cgroup without page cache that can be dropped, and the private pages of its shim (and of its QEMU).',
    'memory, template and pool: held once for all VMs together, not for each.',
    'image: files of all layers, unpacked; for VMs the disk that all of them read.',
  ];
}
