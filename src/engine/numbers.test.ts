import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Database } from '../state/database.ts';
import { Numbers } from './numbers.ts';

test('no number comes twice, over restarts without a goodbye, and none is 0', () => {
  const root = mkdtempSync(join(tmpdir(), 'abode-numbers-'));
  const database = Database.open(join(root, 'db'));
  try {
    const seen = new Set<number>();
    let last = 0;
    for (const count of [1, 999, 1001, 0, 2500]) {
      const numbers = new Numbers(database);
      for (let index = 0; index < count; index += 1) {
        const number = numbers.next();
        assert.ok(number > last, `${String(number)} after ${String(last)}`);
        last = number;
        seen.add(number);
      }
    }
    assert.equal(seen.size, 4501);
    assert.ok(!seen.has(0));
  } finally {
    database.close();
    rmSync(root, { recursive: true });
  }
});

test('they stay within the 32 bits of the protocol', () => {
  const root = mkdtempSync(join(tmpdir(), 'abode-numbers-'));
  const database = Database.open(join(root, 'db'));
  try {
    database.run("INSERT INTO counter (name, value) VALUES ('process', ?)", 0xf000_0000 - 500);
    const numbers = new Numbers(database);
    for (let index = 0; index < 2000; index += 1) {
      const number = numbers.next();
      assert.ok(number > 0 && number <= 0xffff_ffff, String(number));
    }
  } finally {
    database.close();
    rmSync(root, { recursive: true });
  }
});
