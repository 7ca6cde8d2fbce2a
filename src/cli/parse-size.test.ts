import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCount, parseSize } from './parse-size.ts';
import { UsageError } from './usage-error.ts';

test('sizes as docker reads them', () => {
  assert.equal(parseSize('512m'), 512 << 20);
  assert.equal(parseSize('2G'), 2 ** 31);
  assert.equal(parseSize('1.5g'), 1.5 * 2 ** 30);
  assert.equal(parseSize('4096'), 4096);
  assert.equal(parseSize('256MiB'), 256 << 20);
});

test('what is no size, and no count, is a usage error', () => {
  for (const text of ['', 'm', '-1m', '1x', '0', '1m1', 'NaN']) assert.throws(() => parseSize(text), UsageError, text);
  for (const text of ['0', '-1', '1.5', 'x', '']) assert.throws(() => parseCount('--runs')(text), UsageError, text);
  assert.equal(parseCount('--runs')('12'), 12);
});
