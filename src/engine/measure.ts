/** Reads the figures of all that runs. One that does not answer in time is left out, and holds up nobody for longer. */
import { withDeadline } from '../base/deadline.ts';
import { type MachineProcesses, readHostFiles } from '../sandbox/kernel.ts';
import type { MachineCost, StatsSample } from './api.ts';
import type { MeasuredContainer } from './container-metrics.ts';
import { readMachineCost } from './figures.ts';
import { hostInterfaceOf } from './host-interface.ts';
import type { ContainerRecord } from './record.ts';
import type { MeasuredVm } from './vm-metrics.ts';

/** Less than what Prometheus waits for the whole page. */
const ANSWER_MS = 5000;

export interface SharedVmProcesses {
  readonly name: string;
  readonly id: string;
  readonly hostInterface: string;
  readonly processes: MachineProcesses;
}

export interface Measured {
  readonly containers: MeasuredContainer[];
  readonly vms: MeasuredVm[];
}

export async function measureAll(
  records: readonly ContainerRecord[],
  sample: (id: string) => Promise<StatsSample | undefined>,
  machines: (id: string) => Promise<MachineProcesses | undefined>,
  shared: readonly SharedVmProcesses[],
): Promise<Measured> {
  const running = records.filter(({ state }) => state.status === 'running');
  const own = running.filter(({ isolation }) => isolation.kind === 'vm');
  const [containers, ownVms, sharedVms] = await Promise.all([
    Promise.all(running.map(async (record) => ({ record, figures: (await inTime(sample(record.id)))?.figures }))),
    Promise.all(
      own.map(async (record) => {
        const processes = await inTime(machines(record.id));
        const vm = { name: record.name, id: record.id, hostInterface: hostInterfaceOf(record) };
        return processes === undefined ? undefined : measureVm({ ...vm, processes });
      }),
    ),
    Promise.all(shared.map(measureVm)),
  ]);
  return { containers, vms: [...ownVms, ...sharedVms].filter((vm) => vm !== undefined) };
}

async function measureVm({ name, id, hostInterface, processes }: SharedVmProcesses): Promise<MeasuredVm> {
  const statistics = `/sys/class/net/${hostInterface}/statistics`;
  // What the host sends into a tap is what the guest receives.
  const [received, sent, status] = [`${statistics}/tx_bytes`, `${statistics}/rx_bytes`, `/proc/${String(processes.qemu)}/status`];
  const [cost, files]: [MachineCost, Map<string, string>] = await Promise.all([
    readMachineCost(processes),
    readHostFiles([received, sent, status]),
  ]);
  const threads = /^Threads:\s*(\d+)$/m.exec(files.get(status) ?? '')?.[1];
  const counts = [files.get(received), files.get(sent)].map((text) => (text === undefined ? undefined : Number(text)));
  const [rx, tx] = counts;
  return {
    name,
    id,
    shared: processes.sharedAs !== undefined,
    cost,
    threads: threads === undefined ? undefined : Number(threads),
    network: rx === undefined || tx === undefined ? undefined : { received: rx, sent: tx },
  };
}

async function inTime<T>(reading: Promise<T>): Promise<T | undefined> {
  return withDeadline(reading, ANSWER_MS, 'the reading of figures').catch(() => undefined);
}
