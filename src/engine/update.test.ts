import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpdateRequest } from './api.ts';
import { containerRecord } from './record-fixture.ts';
import type { HostConfig } from './record.ts';
import { planUpdate } from './update.ts';

const plan = (host: HostConfig, request: UpdateRequest): ReturnType<typeof planUpdate> => planUpdate(containerRecord({ host }), request);

test('what is zero or missing stays as it is', () => {
  const host: HostConfig = { Memory: 100, NanoCpus: 5, PidsLimit: 9, CpusetCpus: '0', RestartPolicy: { Name: 'always' } };
  assert.deepEqual(plan(host, {}), { host, changes: {} });
  assert.deepEqual(plan(host, { Memory: 0, NanoCpus: 0, CpusetCpus: '', RestartPolicy: { Name: '' }, PidsLimit: null }), {
    host,
    changes: {},
  });
});

test('memory is told with its swap, which is twice as much where nothing was said', () => {
  assert.deepEqual(plan({ Memory: 100 }, { Memory: 150 }).changes, { memory: 150, memorySwap: 300 });
  assert.deepEqual(plan({ Memory: 100, MemorySwap: 250 }, { Memory: 150 }).changes, { memory: 150, memorySwap: 250 });
  assert.deepEqual(plan({ Memory: 100 }, { MemorySwap: -1 }), {
    host: { Memory: 100, MemorySwap: -1 },
    changes: { memory: 100, memorySwap: -1 },
  });
});

test('processors, processes, the rest', () => {
  assert.deepEqual(plan({}, { NanoCpus: 1_500_000_000 }).changes, { microCpus: 1_500_000 });
  assert.deepEqual(plan({ CpuPeriod: 50_000 }, { CpuQuota: 25_000 }).changes, { microCpus: 500_000, cpuPeriod: 50_000 });
  assert.deepEqual(plan({ PidsLimit: 5 }, { PidsLimit: -1 }), { host: { PidsLimit: -1 }, changes: { pids: 0 } });
  assert.deepEqual(plan({}, { CpuShares: 2, CpusetCpus: '1', CpusetMems: '0', BlkioWeight: 300, MemoryReservation: 7 }).changes, {
    cpuShares: 2,
    cpuset: '1',
    memoryNodes: '0',
    blockWeight: 300,
    memoryReservation: 7,
  });
});

test('a restart policy is nothing that a process is told', () => {
  const policy = { Name: 'on-failure', MaximumRetryCount: 3 };
  assert.deepEqual(plan({}, { RestartPolicy: policy }), { host: { RestartPolicy: policy }, changes: {} });
});

test("Docker's conflicts", () => {
  const cases: ReadonlyArray<readonly [HostConfig, UpdateRequest, RegExp]> = [
    [{}, { Memory: 100 }, /update the memoryswap at the same time$/],
    [{ Memory: 100 }, { Memory: 201 }, /update the memoryswap at the same time$/],
    [{ CpuPeriod: 1 }, { NanoCpus: 1 }, /Nano CPUs cannot be updated as CPU Period has already been set$/],
    [{ CpuQuota: 1 }, { NanoCpus: 1 }, /Nano CPUs cannot be updated as CPU Quota has already been set$/],
    [{ NanoCpus: 1 }, { CpuPeriod: 1 }, /CPU Period cannot be updated as NanoCPUs has already been set$/],
    [{ NanoCpus: 1 }, { CpuQuota: 1 }, /CPU Quota cannot be updated as NanoCPUs has already been set$/],
    [{ AutoRemove: true }, { RestartPolicy: { Name: 'always' } }, /because AutoRemove is enabled for the container$/],
  ];
  for (const [host, request, message] of cases)
    assert.throws(() => plan(host, request), { code: 'conflict', message }, JSON.stringify(request));
  assert.deepEqual(plan({}, { Memory: 100, MemorySwap: 100 }).changes, { memory: 100, memorySwap: 100 });
  assert.ok(plan({ AutoRemove: true }, { RestartPolicy: { Name: 'no' } }));
});
