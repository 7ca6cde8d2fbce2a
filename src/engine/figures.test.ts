import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kernel } from '../sandbox/kernel.ts';
import { readFigures } from './figures.ts';

function kernel(place: Kernel['place'], cgroupVersion: Kernel['cgroupVersion'], files: Readonly<Record<string, string>>): Kernel {
  return {
    place,
    cgroupVersion,
    cgroup: (controller) => (cgroupVersion === '2' ? '/cg' : `/${controller}`),
    write: () => Promise.reject(new Error('only read')),
    read: (paths) => Promise.resolve(new Map(paths.flatMap((path) => (files[path] === undefined ? [] : [[path, files[path]] as const])))),
  };
}

const MACHINE = { '/proc/meminfo': 'MemTotal:        1000 kB\n' };
const NETWORK =
  'Inter-|   Receive\n face |bytes\n    lo:       5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n  eth0:    1234      10    1    2    0     0          0         0   99   8    3    4    0     0       0          0\n';

test('version 2: times in nanoseconds, no limit is the whole machine', async () => {
  const figures = await readFigures(
    kernel('guest', '2', {
      ...MACHINE,
      '/cg/cgroup.procs': '41\n42\n',
      '/cg/memory.current': '5000\n',
      '/cg/memory.max': 'max\n',
      '/cg/memory.stat': 'anon 1\ninactive_file 2000\n',
      '/cg/cpu.stat': 'usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\nnr_periods 7\nnr_throttled 2\nthrottled_usec 9\n',
      '/cg/io.stat': '8:0 rbytes=100 wbytes=200 rios=1 wios=2 dbytes=0 dios=0\n',
      '/cg/pids.current': '2\n',
      '/cg/pids.max': '99\n',
      '/proc/41/net/dev': NETWORK,
    }),
  );
  assert.ok(figures);
  assert.deepEqual(figures.cpu, {
    total: 3_000_000,
    user: 2_000_000,
    kernel: 1_000_000,
    perCpu: [],
    periods: 7,
    throttledPeriods: 2,
    throttledTime: 9000,
  });
  assert.deepEqual(figures.memory, {
    usage: 5000,
    max: undefined,
    failures: undefined,
    stats: { anon: 1, inactive_file: 2000 },
    limit: 1_024_000,
  });
  assert.deepEqual(figures.pids, { current: 2, limit: 99 });
  assert.deepEqual(figures.blkio, [
    { major: 8, minor: 0, op: 'read', value: 100 },
    { major: 8, minor: 0, op: 'write', value: 200 },
  ]);
  assert.deepEqual(figures.networks, {
    eth0: { rxBytes: 1234, rxPackets: 10, rxErrors: 1, rxDropped: 2, txBytes: 99, txPackets: 8, txErrors: 3, txDropped: 4 },
  });
  assert.ok(figures.systemCpu > 0 && figures.onlineCpus > 0);
});

test('version 1: its own files, a limit that no machine has is none', async () => {
  const files = {
    ...MACHINE,
    '/pids/cgroup.procs': '41\n',
    '/memory/memory.usage_in_bytes': '5000\n',
    '/memory/memory.max_usage_in_bytes': '6000\n',
    '/memory/memory.limit_in_bytes': '9223372036854771712\n',
    '/memory/memory.stat': 'cache 3\ntotal_inactive_file 2\n',
    '/memory/memory.failcnt': '4\n',
    '/cpuacct/cpuacct.usage': '123456789\n',
    '/cpuacct/cpuacct.stat': 'user 5\nsystem 6\n',
    '/cpuacct/cpuacct.usage_percpu': '100000000 23456789 \n',
    '/cpu/cpu.stat': 'nr_periods 1\nnr_throttled 2\nthrottled_time 3\n',
    '/blkio/blkio.throttle.io_service_bytes_recursive': '8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n',
    '/blkio/blkio.throttle.io_serviced_recursive': '8:0 Read 1\nTotal 1\n',
    '/pids/pids.current': '1\n',
    '/pids/pids.max': 'max\n',
  };
  const figures = await readFigures(kernel('host', '1', files));
  assert.ok(figures);
  assert.deepEqual(
    { ...figures.cpu, perCpu: figures.cpu.perCpu.slice(0, 1) },
    { total: 123_456_789, user: 50_000_000, kernel: 60_000_000, perCpu: [100_000_000], periods: 1, throttledPeriods: 2, throttledTime: 3 },
  );
  assert.deepEqual(figures.memory, { usage: 5000, max: 6000, failures: 4, stats: { cache: 3, total_inactive_file: 2 }, limit: 1_024_000 });
  assert.deepEqual(figures.pids, { current: 1, limit: undefined });
  assert.deepEqual(
    figures.blkio.map(({ op, value }) => [op, value]),
    [
      ['Read', 10],
      ['Write', 20],
      ['Total', 30],
    ],
  );
  const limited = await readFigures(kernel('host', '1', { ...files, '/memory/memory.limit_in_bytes': '70000\n' }));
  assert.equal(limited?.memory.limit, 70_000);
});

test('a VM of its own counts its disks where its groups do not', async () => {
  const figures = await readFigures(
    kernel('guest', '2', {
      ...MACHINE,
      '/cg/memory.current': '1\n',
      '/sys/block/vda/dev': '254:0\n',
      '/sys/block/vda/stat': '     100        0     8     5     3     0     16     1 0 0 0\n',
    }),
  );
  assert.deepEqual(figures?.blkio, [
    { major: 254, minor: 0, op: 'read', value: 4096 },
    { major: 254, minor: 0, op: 'write', value: 8192 },
  ]);
});

test('a group that is gone has no figures', async () => {
  assert.equal(await readFigures(kernel('host', '2', MACHINE)), undefined);
});
