import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseShape } from './shape.ts';

const MIB = 1 << 20;
const GIB = 1024 * MIB;
const HOST = 300 * GIB;

test('without limits it is a gigabyte and one processor', () => {
  assert.deepEqual(chooseShape(0, 0, HOST), { memory: GIB, cpus: 1 });
});

test('the smallest shape that holds the limit and the guest itself', () => {
  const cases: ReadonlyArray<readonly [memory: number, microCpus: number, shape: { memory: number; cpus: number }]> = [
    [MIB, 100_000, { memory: 512 * MIB, cpus: 1 }],
    [416 * MIB, 1_000_000, { memory: 512 * MIB, cpus: 1 }],
    [416 * MIB + 1, 1_000_001, { memory: GIB, cpus: 2 }],
    [GIB, 3_000_000, { memory: 2 * GIB, cpus: 4 }],
    [64 * GIB, 33_000_000, { memory: 65 * GIB, cpus: 33 }],
  ];
  for (const [memory, microCpus, shape] of cases)
    assert.deepEqual(chooseShape(memory, microCpus, HOST), shape, `${String(memory)} ${String(microCpus)}`);
});

test('there is always room for the limit beside the guest, and as many processors as were asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 * GIB }), fc.integer({ min: 0, max: 64_000_000 }), (memory, microCpus) => {
      const shape = chooseShape(memory, microCpus, HOST);
      assert.ok(shape.memory >= memory + 96 * MIB);
      assert.equal(shape.memory % MIB, 0);
      assert.ok(shape.cpus * 1_000_000 >= microCpus);
      assert.ok(Number.isInteger(shape.cpus) && shape.cpus >= 1);
    }),
  );
});

test('there are few shapes, since each needs a template', () => {
  const shapes = new Set(Array.from({ length: 4000 }, (_, index) => chooseShape((index + 1) * 16 * MIB, 0, HOST).memory));
  assert.ok(shapes.size <= 8, String(shapes.size));
});

test('no machine is larger than the host, whatever the limit and the table say', () => {
  const host = 24 * GIB - 5;
  assert.equal(chooseShape(20 * GIB, 0, host).memory, 24 * GIB - 256 * MIB);
  assert.equal(chooseShape(30 * GIB, 0, host).memory, 24 * GIB - 256 * MIB);
  assert.equal(chooseShape(0, 0, 700 * MIB).memory, 512 * MIB);
});
