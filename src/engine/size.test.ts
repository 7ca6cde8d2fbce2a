import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSize } from './size.ts';

test("sizes are read as Docker's options write them", () => {
  const cases: ReadonlyArray<readonly [text: string, bytes: number]> = [
    ['0', 0],
    ['4096', 4096],
    ['10b', 10],
    ['10k', 10_240],
    ['10K', 10_240],
    ['10kb', 10_240],
    ['10KiB', 10_240],
    ['1m', 1_048_576],
    ['1.5g', 1_610_612_736],
    ['2 GB', 2_147_483_648],
    ['1t', 1_099_511_627_776],
    [' 5k ', 5120],
    ['0.1k', 102],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
});

test('what is no size is refused', () => {
  for (const text of ['', 'm', '10x', '10mm', '-1', '1e3', '1.', '.5m', '10 m b', '10ib', '0x10', 'ten'])
    assert.throws(() => parseSize(text), { code: 'invalid', message: `invalid size: '${text}'` }, text);
});
