import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exists, readFileIfThere, writeFileAtomic } from './files.ts';

async function scratch(): Promise<AsyncDisposable & { path: (name: string) => string; root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'abode-files-'));
  return {
    root,
    path: (name) => join(root, name),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true }),
  };
}

test('a file is made with its mode and replaced, nothing else is left', async () => {
  await using directory = await scratch();
  await writeFileAtomic(directory.path('a'), 'one', 0o640);
  assert.equal((await stat(directory.path('a'))).mode & 0o777, 0o640);
  await writeFileAtomic(directory.path('a'), Buffer.from('two'));
  assert.equal(await readFile(directory.path('a'), 'utf8'), 'two');
  assert.equal((await stat(directory.path('a'))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(directory.root), ['a']);
});

test('a reader sees the old or the new content, whole, while writers race', async () => {
  await using directory = await scratch();
  const path = directory.path('a');
  const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(200_000));
  await writeFileAtomic(path, contents[0] ?? '');
  let writing = true;
  const seen = new Set<string>();
  const reader = (async () => {
    while (writing) seen.add(await readFile(path, 'utf8'));
  })();
  for (let round = 0; round < 5; round += 1) await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
  writing = false;
  await reader;
  for (const content of seen) assert.ok(contents.includes(content), `a torn read of ${String(content.length)} bytes`);
  assert.deepEqual(await readdir(directory.root), ['a']);
});

test('an open file keeps its old content: it is replaced, not rewritten', async () => {
  await using directory = await scratch();
  await writeFileAtomic(directory.path('a'), 'one');
  const before = (await stat(directory.path('a'))).ino;
  await writeFileAtomic(directory.path('a'), 'two');
  assert.notEqual((await stat(directory.path('a'))).ino, before);
});

test('a write that fails leaves what was there, and no temporary file', async () => {
  await using directory = await scratch();
  await mkdir(directory.path('a/kept'), { recursive: true });
  await assert.rejects(writeFileAtomic(directory.path('a'), 'x'), { code: 'EISDIR' });
  assert.deepEqual(await readdir(directory.root), ['a']);
  await assert.rejects(writeFileAtomic(directory.path('missing/a'), 'x'), { code: 'ENOENT' });
});

test('a missing file is undefined, one that cannot be read an error', async () => {
  await using directory = await scratch();
  await writeFile(directory.path('a'), 'text');
  assert.equal(await readFileIfThere(directory.path('a')), 'text');
  assert.equal(await readFileIfThere(directory.path('b')), undefined);
  assert.equal(await readFileIfThere(directory.path('a/b')), undefined);
  await assert.rejects(readFileIfThere(directory.root), { code: 'EISDIR' });
});

test('exists tells what a path leads to', async () => {
  await using directory = await scratch();
  await writeFile(directory.path('a'), '');
  await symlink('nowhere', directory.path('dangling'));
  assert.deepEqual(await Promise.all(['a', 'b', 'dangling'].map((name) => exists(directory.path(name)))), [true, false, false]);
});
