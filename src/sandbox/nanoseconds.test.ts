import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nanosecondsToIso } from './shim.ts';

test('a time is written with its nanoseconds, in UTC', () => {
  assert.equal(nanosecondsToIso(0n), '1970-01-01T00:00:00.000000000Z');
  assert.equal(nanosecondsToIso(1_767_323_045_000_000_006n), '2026-01-02T03:04:05.000000006Z');
  assert.equal(nanosecondsToIso(1_767_323_045_999_999_999n), '2026-01-02T03:04:05.999999999Z');
});

test('the text says the same moment, to the nanosecond', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 4_102_444_800_000_000_000n }), (nanoseconds) => {
      const text = nanosecondsToIso(nanoseconds);
      assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      assert.equal(BigInt(Date.parse(`${text.slice(0, 19)}Z`)) * 1_000_000n + BigInt(text.slice(20, 29)), nanoseconds);
    }),
  );
});
