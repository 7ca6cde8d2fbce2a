import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { Figures, MachineCost, StatsSample } from '../../engine/api.ts';
import type { ContainerRecord } from '../../engine/record.ts';
import type { Api, ApiContext } from '../context.ts';
import { first, flag, Parameter } from '../query.ts';
import { followConnection, sendHead } from '../streams/stream-reply.ts';
import { writeTo } from '../streams/write.ts';
import { apiMinor } from '../version.ts';
import { ContainerParams } from './reference.ts';
import { NEVER } from './status.ts';

export function routeStats(api: Api, { engine, streams, log }: ApiContext): void {
  const querystring = Type.Object({ stream: Parameter, 'one-shot': Parameter });
  api.get('/containers/:id/stats', { schema: { params: ContainerParams, querystring } }, async (request, reply) => {
    const stream = first(request.query.stream) === undefined || flag(request.query.stream);
    const oneShot = apiMinor(request.raw) >= 41 && flag(request.query['one-shot']);
    if (stream && oneShot) throw invalid('cannot have stream=true and one-shot=true');
    const record = engine.get(request.params.id);
    const { signal } = followConnection(reply.raw, streams);
    const samples = engine.stats(record.id, { stream, primed: !oneShot, signal })[Symbol.asyncIterator]();
    // What cannot be told at all is an error; after the first sample there is only the end.
    let next = await samples.next();
    sendHead(reply, 'application/json');
    send().then(
      () => reply.raw.end(),
      (error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'stats broke off');
        reply.raw.destroy();
      },
    );

    async function send(): Promise<void> {
      let before: StatsSample | undefined;
      while (next.done !== true && !signal.aborted) {
        const sample = next.value;
        const skipped = !stream && !oneShot && before === undefined && sample.figures !== undefined;
        if (!skipped) await writeTo(reply.raw, Buffer.from(`${JSON.stringify(describeSample(sample, before, record))}\n`));
        before = sample;
        next = await samples.next();
      }
      await samples.return?.(undefined);
    }
  });
}

function describeSample(sample: StatsSample, before: StatsSample | undefined, record: ContainerRecord): object {
  const { figures, machine } = sample;
  return {
    read: sample.time ?? NEVER,
    preread: before?.time ?? NEVER,
    pids_stats:
      figures === undefined
        ? {}
        : { current: figures.pids.current, ...(figures.pids.limit !== undefined && { limit: figures.pids.limit }) },
    blkio_stats: describeBlkio(figures),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: describeCpu(figures),
    precpu_stats: describeCpu(before?.figures),
    memory_stats: figures === undefined ? {} : describeMemory(figures),
    name: `/${record.name}`,
    id: record.id,
    ...(figures !== undefined && Object.keys(figures.networks).length > 0 && { networks: describeNetworks(figures) }),
    ...(machine !== undefined && { vm: describeMachine(machine) }),
  };
}

function describeBlkio(figures: Figures | undefined): object {
  // Version 2 has no more than this.
  const none = figures?.version === '1' ? [] : null;
  const form = (entries: Figures['blkio'] | undefined): object[] | null =>
    entries === undefined || (figures?.version !== '1' && entries.length === 0) ? null : [...entries];
  return {
    io_service_bytes_recursive: form(figures?.blkio),
    io_serviced_recursive: form(figures?.blkioOperations),
    io_queue_recursive: none,
    io_service_time_recursive: none,
    io_wait_time_recursive: none,
    io_merged_recursive: none,
    io_time_recursive: none,
    sectors_recursive: none,
  };
}

function describeCpu(figures: Figures | undefined): object {
  const cpu = figures?.cpu;
  return {
    cpu_usage: {
      total_usage: cpu?.total ?? 0,
      ...(cpu !== undefined && cpu.perCpu.length > 0 && { percpu_usage: cpu.perCpu }),
      usage_in_kernelmode: cpu?.kernel ?? 0,
      usage_in_usermode: cpu?.user ?? 0,
    },
    ...(figures !== undefined && { system_cpu_usage: figures.systemCpu, online_cpus: figures.onlineCpus }),
    throttling_data: { periods: cpu?.periods ?? 0, throttled_periods: cpu?.throttledPeriods ?? 0, throttled_time: cpu?.throttledTime ?? 0 },
  };
}

function describeMemory({ memory }: Figures): object {
  const { usage, max, failures, stats, limit } = memory;
  return {
    usage,
    ...(max !== undefined && { max_usage: max }),
    stats,
    ...(failures !== undefined && failures > 0 && { failcnt: failures }),
    limit,
  };
}

function describeNetworks({ networks }: Figures): object {
  return Object.fromEntries(
    Object.entries(networks).map(([name, network]) => [
      name,
      {
        rx_bytes: network.rxBytes,
        rx_packets: network.rxPackets,
        rx_errors: network.rxErrors,
        rx_dropped: network.rxDropped,
        tx_bytes: network.txBytes,
        tx_packets: network.txPackets,
        tx_errors: network.txErrors,
        tx_dropped: network.txDropped,
      },
    ]),
  );
}

/** Abode's own: what the VM costs the host, QEMU and its shim, beside what the container uses in it. Of a shared VM it is for all in it. */
function describeMachine({ name, cpu, memory, cpus, blkio }: MachineCost): object {
  return {
    ...(name !== undefined && { shared_as: name }),
    cpu_usage: { total_usage: cpu.user + cpu.kernel, usage_in_usermode: cpu.user, usage_in_kernelmode: cpu.kernel },
    online_cpus: cpus,
    memory_stats: { usage: memory.qemu + memory.shim, qemu: memory.qemu, shim: memory.shim, limit: memory.machine },
    blkio_stats: { read_bytes: blkio.read, write_bytes: blkio.write },
  };
}
