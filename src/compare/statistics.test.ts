import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { randomFrom, shuffle } from './random.ts';
import { median, overlap, quantile, ratioOfMedians, summarise } from './statistics.ts';

const values = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), {
  minLength: 1,
  maxLength: 30,
});

test('quantiles of known data, as R gives them', () => {
  const data = [7, 1, 3, 9, 4, 10, 2, 8];
  assert.equal(quantile(data, 0.25), 2.75);
  assert.equal(median(data), 5.5);
  assert.equal(quantile(data, 0.75), 8.25);
  assert.equal(median([5]), 5);
  assert.throws(() => median([]), RangeError);
});

test('few values are summarised by their range, more by their quartiles', () => {
  assert.deepEqual(summarise([3, 1, 2]), {
    count: 3,
    median: 2,
    spread: { low: 1, high: 3, kind: 'range' },
  });
  assert.deepEqual(summarise([1, 2, 3, 4, 5, 6, 7, 8, 9]).spread, {
    low: 3,
    high: 7,
    kind: 'quartiles',
  });
});

test('the median lies in the spread, and the spread in the range', () => {
  fc.assert(
    fc.property(values, (list) => {
      const { median: middle, spread } = summarise(list);
      assert.ok(spread.low <= middle && middle <= spread.high);
      assert.ok(Math.min(...list) <= spread.low && spread.high <= Math.max(...list));
    }),
  );
});

test('the order of the values does not matter', () => {
  fc.assert(
    fc.property(values, fc.integer(), (list, seed) => {
      assert.deepEqual(summarise(shuffle(list, randomFrom(seed))), summarise(list));
    }),
  );
});

test('a ratio of constants has no width, and too few values have no ratio', () => {
  assert.deepEqual(ratioOfMedians([6, 6, 6, 6, 6], [2, 2, 2, 2, 2], 1), {
    value: 3,
    low: 3,
    high: 3,
  });
  assert.equal(ratioOfMedians([1, 2, 3, 4], [1, 2, 3, 4, 5], 1), undefined);
  assert.equal(ratioOfMedians([1, 2, 3, 4, 5], [0, 0, 0, 0, 0], 1), undefined);
});

test('a seed gives the same interval again', () => {
  const [a, b] = [
    [10, 12, 11, 14, 13, 12],
    [5, 6, 5.5, 7, 6.5, 6],
  ];
  assert.deepEqual(ratioOfMedians(a, b, 42), ratioOfMedians(a, b, 42));
});

/** The interval's promise: in repeated experiments it holds the true ratio about as often as it says. */
test('the interval holds the true ratio of two known distributions', () => {
  const random = randomFrom(7);
  const draw = (mean: number): number[] => Array.from({ length: 15 }, () => mean * (0.8 + 0.4 * random()));
  const trials = 120;
  let held = 0;
  for (let trial = 0; trial < trials; trial += 1) {
    const ratio = ratioOfMedians(draw(3), draw(1), trial);
    assert.ok(ratio);
    if (ratio.low <= 3 && 3 <= ratio.high) held += 1;
  }
  assert.ok(held / trials > 0.88, `held in ${String(held)} of ${String(trials)}`);
});

test('overlap is symmetric and counts touching', () => {
  assert.ok(overlap({ low: 1, high: 2 }, { low: 2, high: 3 }));
  assert.ok(!overlap({ low: 1, high: 2 }, { low: 2.1, high: 3 }));
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), fc.nat(), (a, b, c, d) => {
      const [left, right] = [
        { low: a, high: a + b },
        { low: c, high: c + d },
      ];
      assert.equal(overlap(left, right), overlap(right, left));
    }),
  );
});
