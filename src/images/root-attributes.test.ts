import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeRoot, settleRootTime } from './root-attributes.ts';

async function scratch(): Promise<AsyncDisposable & { path: (name: string) => string }> {
  const root = await mkdtemp(join(tmpdir(), 'abode-root-'));
  return { path: (name) => join(root, name), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

const timeOf = async (path: string): Promise<number> => (await stat(path)).mtimeMs;

test('a root that only unpacking touched has the time of the layer below, or none, however soon it was touched', async () => {
  await using directory = await scratch();
  await mkdir(directory.path('below'));
  await utimes(directory.path('below'), 1000, 1000);
  for (let round = 0; round < 60; round += 1) {
    const [alone, above] = [directory.path(`alone${String(round)}`), directory.path(`above${String(round)}`)];
    for (const [path, parent, expected] of [[alone, undefined, 0] as const, [above, directory.path('below'), 1_000_000] as const]) {
      const started = await makeRoot(path, parent);
      await writeFile(join(path, 'file'), '');
      await settleRootTime(path, parent, started);
      assert.equal(await timeOf(path), expected, `round ${String(round)}`);
    }
  }
});

test('a time that the tar set stays', async () => {
  await using directory = await scratch();
  const started = await makeRoot(directory.path('a'), undefined);
  await utimes(directory.path('a'), 123, 123);
  await settleRootTime(directory.path('a'), undefined, started);
  assert.equal(await timeOf(directory.path('a')), 123_000);
});

test('a root looks as the one below it', async () => {
  await using directory = await scratch();
  await makeRoot(directory.path('below'), undefined);
  assert.equal((await stat(directory.path('below'))).mode & 0o7777, 0o755);
  await chmod(directory.path('below'), 0o1750);
  await makeRoot(directory.path('above'), directory.path('below'));
  assert.equal((await stat(directory.path('above'))).mode & 0o7777, 0o1750);
});
