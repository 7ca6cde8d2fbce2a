import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../base/process.ts';
import { DATA_DISK_BYTES, DataDisks } from './data-disk.ts';
import { dataExtents } from './system-calls.ts';

const MIB = 1 << 20;
const options = { timeout: 120_000 };

async function scratch(): Promise<AsyncDisposable & { path: (name: string) => string; root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'abode-disk-'));
  return { root, path: (name) => join(root, name), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

/** Of the pages that are not zero, with their places: a sparse file of 64 GiB cannot be read from end to end. */
async function contentOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  const zero = Buffer.alloc(4096);
  await using file = await open(path, 'r');
  for (const { offset, length } of dataExtents(file.fd)) {
    const data = Buffer.alloc(length);
    await file.read(data, 0, length, offset);
    for (let at = 0; at < length; at += 4096) {
      const page = data.subarray(at, at + 4096);
      if (!page.equals(zero)) hash.update(String(offset + at)).update(page);
    }
  }
  return hash.digest('hex');
}

const usedBytes = async (path: string): Promise<number> => (await stat(path)).blocks * 512;

test('a disk is a whole, empty filesystem of the nominal size that takes little room', options, async () => {
  await using directory = await scratch();
  const disks = new DataDisks(directory.path('template'));
  await disks.ensure(directory.path('a'));
  assert.equal((await stat(directory.path('a'))).size, DATA_DISK_BYTES);
  assert.equal((await stat(directory.path('a'))).mode & 0o777, 0o600);
  assert.ok((await usedBytes(directory.path('a'))) < 32 * MIB, String(await usedBytes(directory.path('a'))));
  await run('e2fsck', ['-f', '-n', directory.path('a')], { timeoutMs: 100_000 });
  assert.deepEqual((await readdir(directory.root)).toSorted(), ['a', 'template']);
});

test('every disk begins as the template is, also when another daemon formatted it', options, async () => {
  await using directory = await scratch();
  const first = new DataDisks(directory.path('template'));
  await Promise.all([first.ensure(directory.path('a')), first.ensure(directory.path('b'))]);
  await new DataDisks(directory.path('template')).ensure(directory.path('c'));
  const wanted = await contentOf(directory.path('template'));
  for (const name of ['a', 'b', 'c']) assert.equal(await contentOf(directory.path(name)), wanted, name);
});

test('a disk that is there is kept: it is the container that wrote to it', options, async () => {
  await using directory = await scratch();
  const disks = new DataDisks(directory.path('template'));
  await writeFile(directory.path('a'), 'what the container wrote');
  await disks.ensure(directory.path('a'));
  assert.equal(await readFile(directory.path('a'), 'utf8'), 'what the container wrote');
});

test('what a copy that was cut short left does not get into the next', options, async () => {
  await using directory = await scratch();
  const disks = new DataDisks(directory.path('template'));
  await writeFile(directory.path('a.tmp'), Buffer.alloc(8 * MIB, 0xff));
  await disks.ensure(directory.path('a'));
  assert.equal(await contentOf(directory.path('a')), await contentOf(directory.path('template')));
});

test('a failure to format is told, and tried anew the next time', options, async () => {
  await using directory = await scratch();
  const disks = new DataDisks(directory.path('later/template'));
  await assert.rejects(disks.ensure(directory.path('a')), { code: 'ENOENT' });
  await mkdir(directory.path('later'));
  await disks.ensure(directory.path('a'));
  assert.equal((await stat(directory.path('a'))).size, DATA_DISK_BYTES);
});
