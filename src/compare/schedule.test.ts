import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomFrom } from './random.ts';
import { scheduleBlocks } from './schedule.ts';

const shares = fc.uniqueArray(fc.record({ item: fc.nat(20), runs: fc.integer({ min: 1, max: 12 }) }), {
  selector: ({ item }) => item,
  maxLength: 6,
});

test('each item comes as often as it should, and once a block at most', () => {
  fc.assert(
    fc.property(shares, fc.integer(), (list, seed) => {
      const blocks = scheduleBlocks(list, randomFrom(seed));
      for (const { item, runs } of list) assert.equal(blocks.flat().filter((other) => other === item).length, runs);
      for (const block of blocks) assert.equal(new Set(block).size, block.length);
    }),
  );
});

test('a seed gives the same order again, another one another', () => {
  const list = ['a', 'b', 'c', 'd'].map((item) => ({ item, runs: 10 }));
  assert.deepEqual(scheduleBlocks(list, randomFrom(5)), scheduleBlocks(list, randomFrom(5)));
  assert.notDeepEqual(scheduleBlocks(list, randomFrom(5)), scheduleBlocks(list, randomFrom(6)));
});

test('every item has every place in a block, over many blocks', () => {
  const blocks = scheduleBlocks(
    ['a', 'b', 'c'].map((item) => ({ item, runs: 300 })),
    randomFrom(1),
  );
  for (const item of ['a', 'b', 'c']) {
    for (const place of [0, 1, 2]) {
      const count = blocks.filter((block) => block[place] === item).length;
      assert.ok(count > 70 && count < 130, `${item} is ${String(count)} times at place ${String(place)}`);
    }
  }
});
