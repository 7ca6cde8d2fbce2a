import assert from 'node:assert/strict';
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { LogFile, openLogFiles } from './log-file.ts';

const FILES = 5;

async function scratch(): Promise<AsyncDisposable & { path: string }> {
  const root = await mkdtemp(join(tmpdir(), 'abode-log-'));
  return { path: join(root, 'log'), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

function rotate(path: string, index: number): void {
  for (let number = FILES - 1; number > 1; number -= 1) {
    try {
      renameSync(`${path}.${String(number - 1)}`, `${path}.${String(number)}`);
    } catch {
      // As many files as there are yet.
    }
  }
  renameSync(path, `${path}.1`);
  writeFileSync(path, `${String(index)}\n`);
}

test('files are opened in their order, none twice, however they are rotated meanwhile', async () => {
  await using directory = await scratch();
  let index = 0;
  writeFileSync(directory.path, '0\n');
  for (let round = 0; round < 300; round += 1) {
    const opening = openLogFiles(directory.path, FILES);
    for (let rotations = round % 5; rotations > 0; rotations -= 1) {
      rotate(directory.path, (index += 1));
      if (round % 3 > 0) await turn();
    }
    const files = await opening;
    const numbers = (await Promise.all(files.map((file) => Array.fromAsync(file.lines(Infinity))))).flat(2).map(Number);
    await Promise.all(files.map((file) => file.close()));
    const first = numbers[0] ?? assert.fail('no file');
    assert.deepEqual(
      numbers,
      Array.from({ length: numbers.length }, (_, step) => first + step),
      `round ${String(round)}`,
    );
  }
});

test('an open file stays readable after it is taken away, and its inode its own', async () => {
  await using directory = await scratch();
  writeFileSync(directory.path, 'old\n');
  const old = (await LogFile.open(directory.path)) ?? assert.fail();
  rmSync(directory.path);
  writeFileSync(directory.path, 'new\n');
  const [fresh] = await openLogFiles(directory.path, 1);
  assert.notEqual(fresh?.inode, old.inode);
  assert.deepEqual((await Array.fromAsync(old.lines(Infinity))).flat(), ['old']);
  await Promise.all([old.close(), fresh?.close()]);
});

test('the end of a file is found from behind, and what is missing is told', async () => {
  await using directory = await scratch();
  appendFileSync(directory.path, 'a\nbb\n\nc\nhalf');
  for (const [count, missing, lines] of [
    [0, 0, []],
    [1, 0, ['c']],
    [2, 0, ['', 'c']],
    [4, 0, ['a', 'bb', '', 'c']],
    [6, 2, ['a', 'bb', '', 'c']],
  ] as const) {
    const file = (await LogFile.open(directory.path)) ?? assert.fail();
    assert.equal(await file.seekTail(count), missing, String(count));
    assert.deepEqual((await Array.fromAsync(file.lines(Infinity))).flat(), lines, String(count));
    await file.close();
  }
  assert.equal(await LogFile.open(`${directory.path}.9`), undefined);
});
