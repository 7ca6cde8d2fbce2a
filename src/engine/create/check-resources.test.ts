import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GUEST_FEATURES, type LimitFeatures, vmFeatures } from '../../sandbox/host-features.ts';
import type { HostConfig } from '../record.ts';
import { settleResources } from './check-resources.ts';

const MIB = 1 << 20;
const ALL: LimitFeatures = {
  swap: true,
  swappiness: true,
  oomKillDisable: true,
  kernelMemoryTcp: true,
  realtime: true,
  blockWeight: true,
  blockWeightDevice: true,
  blockThrottle: true,
  cpus: '0-1',
  memoryNodes: '0',
};

/** As dockerd words it. */
const REFUSED: ReadonlyArray<readonly [HostConfig, string]> = [
  [{ MemorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
  [{ MemorySwappiness: -2 }, 'Invalid value: -2, valid memory swappiness range is 0-100'],
  [{ MemoryReservation: 6 * MIB - 1 }, 'Minimum memory reservation allowed is 6MB'],
  [{ Memory: 8 * MIB, MemoryReservation: 9 * MIB }, 'Minimum memory limit can not be less than memory reservation limit, see usage'],
  [{ KernelMemory: 1 }, 'Minimum kernel memory limit allowed is 6MB'],
  [{ CpuRealtimePeriod: 1000, CpuRealtimeRuntime: 2000 }, 'cpu real-time runtime cannot be higher than cpu real-time period'],
  [{ CpusetCpus: 'a' }, 'Invalid value a for cpuset cpus: invalid format: a'],
  [{ CpusetCpus: '1-0' }, 'Invalid value 1-0 for cpuset cpus: invalid format: 1-0'],
  [{ CpusetCpus: '99999999' }, 'Invalid value 99999999 for cpuset cpus: value of out range, maximum is 8192'],
  [{ CpusetCpus: '0-9' }, 'Requested CPUs are not available - requested 0-9, available: 0-1'],
  [{ CpusetMems: '7' }, 'Requested memory nodes are not available - requested 7, available: 0'],
  [{ BlkioWeight: 9 }, 'Range of blkio weight is from 10 to 1000'],
  [{ BlkioWeight: 1001 }, 'Range of blkio weight is from 10 to 1000'],
];

test("what is wrong about limits is refused in Docker's words", () => {
  for (const [host, message] of REFUSED) assert.throws(() => settleResources(host, ALL), { code: 'invalid', message }, message);
});

test('what is right at its bounds is left as it is, without a word', () => {
  for (const host of [
    { MemorySwappiness: 0 },
    { MemorySwappiness: 100 },
    { MemorySwappiness: -1 },
    { MemoryReservation: 6 * MIB },
    { Memory: 8 * MIB, MemoryReservation: 8 * MIB },
    { CpuRealtimePeriod: 1000, CpuRealtimeRuntime: 1000 },
    { CpusetCpus: '0,1', CpusetMems: '0' },
    { BlkioWeight: 10 },
    { BlkioWeight: 1000 },
    { Memory: 8 * MIB, MemorySwap: 16 * MIB },
    { Memory: 8 * MIB, OomKillDisable: true },
  ])
    assert.deepEqual(settleResources(host, ALL), { host, warnings: [] });
});

test('what a guest cannot do is taken away, and told once each', () => {
  const host: HostConfig = {
    Memory: 8 * MIB,
    MemorySwap: -1,
    MemorySwappiness: 5,
    OomKillDisable: true,
    KernelMemoryTCP: 8 * MIB,
    BlkioWeight: 5,
    BlkioWeightDevice: [{ Path: '/dev/x', Weight: 5 }],
    BlkioDeviceReadBps: [{ Path: '/dev/x', Rate: 5 }],
    BlkioDeviceWriteIOps: [{ Path: '/dev/x', Rate: 5 }],
  };
  const { host: settled, warnings } = settleResources(host, GUEST_FEATURES);
  assert.deepEqual(settled, { Memory: 8 * MIB });
  assert.equal(warnings.length, 8);
  for (const word of [
    'swap limit',
    'swappiness',
    'TCP',
    'OomKillDisable',
    'I/O weight ',
    'weight_device',
    'BPS Block I/O read',
    'IOPS Block write',
  ])
    assert.equal(warnings.filter((text) => text.includes(word)).length, 1, word);
});

test('what a guest has no part in is left to the host, where the host can', () => {
  const host: HostConfig = { BlkioDeviceReadBps: [{ Path: '/dev/x', Rate: 5 }], CpusetCpus: '1', MemorySwappiness: 3 };
  assert.deepEqual(settleResources(host, vmFeatures(ALL)), { host, warnings: [] });
  assert.throws(() => settleResources({ CpuRealtimeRuntime: 5 }, vmFeatures(ALL)), {
    message: 'Your kernel does not support CPU real-time scheduler',
  });
});

test('kernel memory is no longer limited, and that is said', () => {
  const { host, warnings } = settleResources({ KernelMemory: 8 * MIB }, ALL);
  assert.deepEqual(host, {});
  assert.match(warnings.join(), /^Specifying a kernel memory limit is deprecated/);
});

test('a container without OOM killer and without limit is warned of', () => {
  assert.match(
    settleResources({ OomKillDisable: true }, ALL).warnings.join(),
    /^OOM killer is disabled for the container, but no memory limit/,
  );
});
