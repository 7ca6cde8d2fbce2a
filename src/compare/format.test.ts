import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBytes, formatDuration, formatRange } from './format.ts';

test('three significant digits and a unit', () => {
  assert.equal(formatDuration(0.4812), '0.481 ms');
  assert.equal(formatDuration(41.25), '41.3 ms');
  assert.equal(formatDuration(999.4), '999 ms');
  assert.equal(formatDuration(999.6), '1.00 s');
  assert.equal(formatDuration(0), '0 ms');
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(61_234_567), '61.2 MB');
  assert.equal(formatBytes(999_600), '1.00 MB');
});

test('a range names its unit once where it can, and is one value where it looks like one', () => {
  assert.equal(formatRange(41.2, 44, 'ms'), '41.2–44.0 ms');
  assert.equal(formatRange(423, 1120, 'ms'), '423 ms–1.12 s');
  assert.equal(formatRange(61e6, 61.001e6, 'bytes'), '61.0 MB');
});

test('what is printed is within a hundredth of what was measured', () => {
  const factors: Record<string, number> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
  fc.assert(
    fc.property(fc.double({ min: 100, max: 1e14, noNaN: true }), (bytes) => {
      const [number, unit] = formatBytes(bytes).split(' ');
      const printed = Number(number) * (factors[unit ?? ''] ?? Number.NaN);
      assert.ok(Math.abs(printed - bytes) <= bytes / 100, `${String(bytes)} became ${String(number)} ${String(unit)}`);
    }),
  );
});
