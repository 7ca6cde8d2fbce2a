import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figures, StatsSample } from '../../engine/api.ts';
import { startApi } from '../fixture.ts';

const figures = (total: number): Figures => ({
  version: '2',
  cpu: { total, user: 1, kernel: 2, perCpu: [], periods: 3, throttledPeriods: 4, throttledTime: 5 },
  systemCpu: total * 10,
  onlineCpus: 2,
  memory: { usage: 6, max: undefined, failures: undefined, limit: 7, stats: { inactive_file: 8 } },
  pids: { current: 9, limit: undefined },
  blkio: [{ major: 8, minor: 0, op: 'read', value: 10 }],
  blkioOperations: [],
  networks: { eth0: { rxBytes: 1, rxPackets: 2, rxErrors: 3, rxDropped: 4, txBytes: 5, txPackets: 6, txErrors: 7, txDropped: 8 } },
});
const sample = (total: number, time = `2026-01-02T03:04:0${String(total)}.000Z`): StatsSample => ({
  time,
  figures: figures(total),
  machine: undefined,
});

interface Answer {
  readonly read: string;
  readonly preread: string;
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number }; readonly system_cpu_usage?: number };
  readonly precpu_stats: { readonly cpu_usage: { readonly total_usage: number }; readonly system_cpu_usage?: number };
  readonly memory_stats: object;
  readonly networks?: object;
  readonly vm?: { readonly memory_stats: { readonly usage: number } };
}

test('without a stream it is one answer, whose shares can be told: the second sample, with the first before it', async (t) => {
  const { api, engine } = await startApi(t);
  await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  engine.samples = [sample(1), sample(2)];
  const answer = (await api.inject('/containers/box/stats?stream=false')).json<Answer>();
  assert.deepEqual([answer.read, answer.preread], ['2026-01-02T03:04:02.000Z', '2026-01-02T03:04:01.000Z']);
  assert.deepEqual([answer.cpu_stats.cpu_usage.total_usage, answer.precpu_stats.cpu_usage.total_usage], [2, 1]);
  assert.deepEqual([answer.cpu_stats.system_cpu_usage, answer.precpu_stats.system_cpu_usage], [20, 10]);
  assert.deepEqual(answer.memory_stats, { usage: 6, stats: { inactive_file: 8 }, limit: 7 });
});

test('one shot is the first sample; with a stream it cannot be', async (t) => {
  const { api, engine } = await startApi(t);
  await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  engine.samples = [sample(1)];
  const answer = (await api.inject('/v1.41/containers/box/stats?stream=0&one-shot=1')).json<Answer>();
  assert.deepEqual([answer.cpu_stats.cpu_usage.total_usage, answer.preread], [1, '0001-01-01T00:00:00Z']);
  const both = await api.inject('/v1.41/containers/box/stats?one-shot=1');
  assert.deepEqual([both.statusCode, both.json()], [400, { message: 'cannot have stream=true and one-shot=true' }]);
  assert.equal((await api.inject('/containers/nosuch/stats')).statusCode, 404);
});

test('a container that does not run has zeros, as dockerd says it', async (t) => {
  const { api } = await startApi(t);
  const { Id: id } = (await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } })).json<{
    Id: string;
  }>();
  const cpu =
    '{"cpu_usage":{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0},"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}}';
  const blkio =
    '{"io_service_bytes_recursive":null,"io_serviced_recursive":null,"io_queue_recursive":null,"io_service_time_recursive":null,"io_wait_time_recursive":null,"io_merged_recursive":null,"io_time_recursive":null,"sectors_recursive":null}';
  assert.equal(
    (await api.inject('/v1.41/containers/box/stats?stream=0&one-shot=1')).body,
    `{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{},"blkio_stats":${blkio},"num_procs":0,"storage_stats":{},"cpu_stats":${cpu},"precpu_stats":${cpu},"memory_stats":{},"name":"/box","id":"${id}"}\n`,
  );
});

test('what a VM costs the host is told apart', async (t) => {
  const { api, engine } = await startApi(t);
  await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  const machine = {
    name: 'shared',
    cpu: { user: 1, kernel: 2 },
    cpus: 4,
    memory: { qemu: 100, shim: 10, machine: 512 },
    blkio: { read: 3, write: 4 },
  };
  engine.samples = [{ ...sample(1), machine }];
  const answer = (await api.inject('/v1.41/containers/box/stats?stream=0&one-shot=1')).json<Answer>();
  assert.deepEqual(answer.vm, {
    shared_as: 'shared',
    cpu_usage: { total_usage: 3, usage_in_usermode: 1, usage_in_kernelmode: 2 },
    online_cpus: 4,
    memory_stats: { usage: 110, qemu: 100, shim: 10, limit: 512 },
    blkio_stats: { read_bytes: 3, write_bytes: 4 },
  });
});
