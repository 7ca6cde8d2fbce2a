/** What each VM costs the host, beside what the containers in it use of it. */
import { counter, type Family, gauge, type Labels, type Sample } from '../metrics/family.ts';
import type { MachineCost } from './api.ts';

export interface MeasuredVm {
  /** The container's name, or the shared VM's. */
  readonly name: string;
  readonly id: string;
  readonly shared: boolean;
  readonly cost: MachineCost;
  readonly threads: number | undefined;
  /** Of its card, as the guest sees it. */
  readonly network: { readonly received: number; readonly sent: number } | undefined;
}

export function describeVms(vms: readonly MeasuredVm[]): Family[] {
  const samples = (read: (vm: MeasuredVm) => ReadonlyArray<readonly [Labels, number | undefined]>): Sample[] =>
    vms.flatMap((vm) =>
      read(vm).flatMap(([labels, value]) => (value === undefined ? [] : [{ labels: { ...labelsOf(vm), ...labels }, value }])),
    );
  return [
    counter(
      'abode_vm_cpu_seconds_total',
      'CPU time of QEMU on the host: that of the guest, and of its devices.',
      samples(({ cost }) => [
        [{ mode: 'user' }, cost.cpu.user / 1e9],
        [{ mode: 'system' }, cost.cpu.kernel / 1e9],
      ]),
    ),
    gauge(
      'abode_vm_memory_bytes',
      'Private memory on the host: what would come free with its end.',
      samples(({ cost }) => [
        [{ process: 'qemu' }, cost.memory.qemu],
        [{ process: 'shim' }, cost.memory.shim],
      ]),
    ),
    gauge(
      'abode_vm_machine_memory_bytes',
      'Memory that its guest has.',
      samples(({ cost }) => [[{}, cost.memory.machine]]),
    ),
    gauge(
      'abode_vm_machine_cpus',
      'Processors that its guest has.',
      samples(({ cost }) => [[{}, cost.cpus]]),
    ),
    gauge(
      'abode_vm_threads',
      'Threads of QEMU.',
      samples(({ threads }) => [[{}, threads]]),
    ),
    counter(
      'abode_vm_block_read_bytes_total',
      'Bytes that QEMU had read from disks.',
      samples(({ cost }) => [[{}, cost.blkio.read]]),
    ),
    counter(
      'abode_vm_block_write_bytes_total',
      'Bytes that QEMU had written to disks.',
      samples(({ cost }) => [[{}, cost.blkio.write]]),
    ),
    counter(
      'abode_vm_network_receive_bytes_total',
      'Bytes that its card received.',
      samples(({ network }) => [[{}, network?.received]]),
    ),
    counter(
      'abode_vm_network_transmit_bytes_total',
      'Bytes that its card sent.',
      samples(({ network }) => [[{}, network?.sent]]),
    ),
  ];
}

function labelsOf({ name, id, shared }: MeasuredVm): Labels {
  return { vm: name, id, shared: String(shared) };
}
