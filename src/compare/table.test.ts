import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTable } from './table.ts';

test('the first column is to the left, the others to the right, and cells may have several lines', () => {
  const text = renderTable(
    ['', 'a', 'long title'],
    [
      [['row'], ['1 ms', '0.5–2 ms'], ['–']],
      [['another row'], ['2'], ['3']],
    ],
  );
  assert.deepEqual(text.split('\n'), [
    '                     a   long title',
    '───────────   ────────   ──────────',
    'row               1 ms            –',
    '              0.5–2 ms',
    'another row          2            3',
  ]);
});

test('a table without rows is its header', () => {
  assert.equal(renderTable(['name', 'state'], []).split('\n').length, 2);
});
