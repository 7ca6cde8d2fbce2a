import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kernel } from './kernel.ts';
import { applyLimits, type LimitChanges, limitWrites } from './limit-changes.ts';

const told = (version: '1' | '2', changes: LimitChanges, swapBefore = 0): string[] =>
  limitWrites(version, changes, swapBefore).map(({ controller, file, value }) => `${controller}/${file} ${value}`);

test('only what is given is written', () => {
  assert.deepEqual(told('1', {}), []);
  assert.deepEqual(told('2', {}), []);
  assert.deepEqual(told('2', { pids: 7 }), ['/pids.max 7']);
  assert.deepEqual(told('1', { pids: 0 }), ['pids/pids.max max']);
});

test('version 1: memory alone is never more than with swap, on the way either', () => {
  const grown = ['memory/memory.memsw.limit_in_bytes 400', 'memory/memory.limit_in_bytes 200'];
  assert.deepEqual(told('1', { memory: 200, memorySwap: 400 }, 200), grown);
  assert.deepEqual(told('1', { memory: 200, memorySwap: 400 }, 800), grown.toReversed());
  assert.deepEqual(told('1', { memory: 200, memorySwap: -1 }, 800)[0], 'memory/memory.memsw.limit_in_bytes -1');
});

test('processors: a quota of a period, none, a weight', () => {
  assert.deepEqual(told('1', { microCpus: 1_500_000 }), ['cpu/cpu.cfs_period_us 100000', 'cpu/cpu.cfs_quota_us 150000']);
  assert.deepEqual(told('2', { microCpus: 500_000, cpuPeriod: 50_000 }), ['/cpu.max 25000 50000']);
  assert.deepEqual(told('2', { microCpus: 0 }), ['/cpu.max max 100000']);
  assert.deepEqual(told('2', { cpuShares: 1024 }), ['/cpu.weight 39']);
  assert.deepEqual(told('2', { cpuShares: 262_144 }), ['/cpu.weight 10000']);
});

test('version 2: swap apart from memory', () => {
  assert.deepEqual(told('2', { memory: 100, memorySwap: 250 }), ['/memory.max 100', '/memory.swap.max 150']);
  assert.deepEqual(told('2', { memory: 100, memorySwap: -1 }), ['/memory.max 100', '/memory.swap.max max']);
});

test('a machine without swap is not asked about it; what it lacks else is an error', async () => {
  const written: string[] = [];
  const kernel: Kernel = {
    place: 'guest',
    cgroupVersion: '2',
    cgroup: () => '/cg',
    read: () => Promise.resolve(new Map()),
    write: (path, content) => {
      if (path.endsWith('cpuset.cpus')) return Promise.reject(Object.assign(new Error('no'), { code: 'ENOENT' }));
      written.push(`${path} ${content}`);
      return Promise.resolve();
    },
  };
  await applyLimits(kernel, { memory: 100, memorySwap: 200 });
  assert.deepEqual(written, ['/cg/memory.max 100']);
  await assert.rejects(applyLimits(kernel, { cpuset: '0' }), { code: 'invalid', message: /^cpuset\.cpus cannot be set/ });
});
