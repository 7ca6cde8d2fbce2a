/** What each container that runs uses, as metrics. */
import { counter, type Family, gauge, type Labels, type Sample } from '../metrics/family.ts';
import type { Figures } from './api.ts';
import type { ContainerRecord } from './record.ts';

export interface MeasuredContainer {
  readonly record: ContainerRecord;
  /** Undefined when they could not be read: it ended meanwhile, or its VM does not answer. */
  readonly figures: Figures | undefined;
}

type Read = (figures: Figures) => ReadonlyArray<readonly [Labels, number | undefined]>;

const one = (value: number | undefined): ReturnType<Read> => [[{}, value]];
const seconds = (nanoseconds: number): ReturnType<Read> => one(nanoseconds / 1e9);

type NetworkField = keyof Figures['networks'][string];

function network(name: string, field: NetworkField, help: string): Row {
  return [name, 'counter', help, ({ networks }) => Object.entries(networks).map(([card, values]) => [{ interface: card }, values[field]])];
}

function block(name: string, op: 'read' | 'write', help: string): Row {
  return [
    name,
    'counter',
    help,
    ({ blkio }) =>
      blkio
        .filter((entry) => entry.op.toLowerCase() === op)
        .map(({ major, minor, value }) => [{ device: `${String(major)}:${String(minor)}` }, value]),
  ];
}

type Row = readonly [name: string, type: 'counter' | 'gauge', help: string, read: Read];

const ROWS: readonly Row[] = [
  ['cpu_seconds_total', 'counter', 'CPU time of its processes.', ({ cpu }) => seconds(cpu.total)],
  [
    'cpu_throttled_seconds_total',
    'counter',
    'Time that its processes were held back by its limit.',
    ({ cpu }) => seconds(cpu.throttledTime),
  ],
  ['memory_usage_bytes', 'gauge', 'Memory charged to it, page cache included.', ({ memory }) => one(memory.usage)],
  [
    'memory_working_set_bytes',
    'gauge',
    'Memory charged to it, without page cache that was not used lately: what docker stats shows.',
    ({ memory }) => one(Math.max(0, memory.usage - (memory.stats['total_inactive_file'] ?? memory.stats['inactive_file'] ?? 0))),
  ],
  ['memory_limit_bytes', 'gauge', 'Its memory limit, or what its kernel has.', ({ memory }) => one(memory.limit)],
  ['pids', 'gauge', 'Its processes and their threads.', ({ pids }) => one(pids.current)],
  ['pids_limit', 'gauge', 'The most processes and threads that it may have.', ({ pids }) => one(pids.limit)],
  network('network_receive_bytes_total', 'rxBytes', 'Bytes received.'),
  network('network_transmit_bytes_total', 'txBytes', 'Bytes sent.'),
  network('network_receive_packets_total', 'rxPackets', 'Packets received.'),
  network('network_transmit_packets_total', 'txPackets', 'Packets sent.'),
  network('network_receive_errors_total', 'rxErrors', 'Packets received with errors.'),
  network('network_transmit_errors_total', 'txErrors', 'Packets sent with errors.'),
  network('network_receive_dropped_total', 'rxDropped', 'Packets dropped when received.'),
  network('network_transmit_dropped_total', 'txDropped', 'Packets dropped when sent.'),
  block('block_read_bytes_total', 'read', 'Bytes read from block devices.'),
  block('block_write_bytes_total', 'write', 'Bytes written to block devices.'),
];

export function describeContainers(containers: readonly MeasuredContainer[]): Family[] {
  const families = ROWS.map(([name, type, help, read]): Family => {
    const samples = containers.flatMap(({ record, figures }) =>
      (figures === undefined ? [] : read(figures)).flatMap(([labels, value]): Sample[] =>
        value === undefined || !Number.isFinite(value) ? [] : [{ labels: { ...labelsOf(record), ...labels }, value }],
      ),
    );
    return { name: `abode_container_${name}`, type, help, samples };
  });
  return [
    ...families,
    gauge(
      'abode_container_start_time_seconds',
      'When it was started, in seconds since 1970.',
      containers.map(({ record }) => ({ labels: labelsOf(record), value: startOf(record) })),
    ),
    counter(
      'abode_container_restarts_total',
      'How often its restart policy started it again.',
      containers.map(({ record }) => ({ labels: labelsOf(record), value: record.restartCount })),
    ),
    gauge('abode_containers_without_figures', 'Containers that run and whose figures could not be read now.', [
      { labels: {}, value: containers.filter(({ figures }) => figures === undefined).length },
    ]),
  ];
}

function labelsOf({ id, name, imageReference, isolation }: ContainerRecord): Labels {
  return { id, name, image: imageReference, isolation: isolation.kind };
}

function startOf({ state }: ContainerRecord): number {
  return state.status === 'running' ? Date.parse(state.startedAt) / 1000 : 0;
}
