import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { diskUsage, restingUsage } from './layer-usage.ts';

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-usage-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

test('a layer is the bytes of its files, each once, and of its links themselves', async (t) => {
  const rootDir = await scratch(t);
  assert.equal(await restingUsage({ rootDir }), 0, 'one that was never started has none');
  await mkdir(join(rootDir, 'upper/deep'), { recursive: true });
  await writeFile(join(rootDir, 'upper/a'), Buffer.alloc(1000));
  await link(join(rootDir, 'upper/a'), join(rootDir, 'upper/deep/b'));
  await writeFile(join(rootDir, 'upper/deep/c'), Buffer.alloc(234));
  await symlink('/usr', join(rootDir, 'upper/deep/link'));
  assert.equal(await restingUsage({ rootDir }), 1238);
});

test('a disk is what it takes beyond an empty one, never less than nothing', async (t) => {
  const rootDir = await scratch(t);
  assert.equal(await diskUsage({ rootDir }, []), 0);
  const empty = join(rootDir, 'empty');
  await writeFile(empty, Buffer.alloc(100 * 1024, 1));
  await writeFile(join(rootDir, 'data.img'), Buffer.alloc(300 * 1024, 1));
  await truncate(join(rootDir, 'data.img'), 2 ** 30);
  const used = await diskUsage({ rootDir }, [empty, join(rootDir, 'nosuch')]);
  assert.ok(used >= 200 * 1024 && used < 300 * 1024, String(used));
  await truncate(join(rootDir, 'data.img'), 0);
  assert.equal(await diskUsage({ rootDir }, [empty]), 0);
});
