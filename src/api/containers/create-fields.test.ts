/** docs/api.md says of each field what becomes of it: the schema and the page name the same fields. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CONFIG_FIELDS, HOST_FIELDS } from './create-schema.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/api.md'), 'utf8');

function rows(heading: string): string[][] {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  assert.ok(section, heading);
  return [...section.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)].map(([, field = '', cells = '']) => [
    field,
    ...cells.split('|').map((cell) => cell.trim()),
  ]);
}

for (const [heading, read] of [
  ['Config', CONFIG_FIELDS],
  ['HostConfig', HOST_FIELDS],
] as const) {
  test(`each field of ${heading} has one row in docs/api.md, and each row a field`, () => {
    const named = rows(heading).map(([field = '']) => field);
    assert.deepEqual(new Set(named), new Set<string>(read));
    assert.equal(named.length, read.length);
  });

  test(`each row of ${heading} answers for the three isolations`, () => {
    for (const [field, ...cells] of rows(heading)) {
      assert.equal(cells.length, 3, field);
      for (const cell of cells) assert.match(cell, /\w/, field);
    }
  });
}
