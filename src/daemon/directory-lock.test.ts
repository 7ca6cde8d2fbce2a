import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { holderOf, lockDirectory } from './directory-lock.ts';

test('a directory has one holder, whose process is named, and is free when that lets go', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'abode-lock-'));
  try {
    const first = await lockDirectory(directory);
    await assert.rejects(lockDirectory(directory), {
      code: 'conflict',
      message: `a daemon (process ${String(process.pid)}) already uses ${directory}`,
    });
    await first.close();
    await (await lockDirectory(directory)).close();
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('the holder is that of the directory and of the kind', () => {
  const locks =
    '1: POSIX  ADVISORY  WRITE 12 08:02:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 34 fe:00:77 0 EOF\n3: FLOCK  ADVISORY  WRITE 56 fe:00:778 0 EOF\n';
  assert.equal(holderOf(77, locks), '34');
  assert.equal(holderOf(778, locks), '56');
  assert.equal(holderOf(7, locks), undefined);
});
