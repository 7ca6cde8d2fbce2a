import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../base/process.ts';
import { dataExtents } from './system-calls.ts';
import { TemplateMemory } from './template-memory.ts';

const PAGE = 4096;
const SIZE = 64 << 20;
const options = { timeout: 60_000 };

async function scratch(): Promise<AsyncDisposable & { path: (name: string) => string; root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'abode-memory-'));
  return { root, path: (name) => join(root, name), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

/** As a machine leaves it: some pages with content, one written with zeroes, the rest never touched. */
const PAGES: ReadonlyArray<readonly [page: number, byte: number]> = [
  [0, 1],
  [1, 2],
  [100, 0],
  [5000, 3],
  [SIZE / PAGE - 1, 4],
];

function written(): number {
  const { fd, path } = TemplateMemory.create(SIZE);
  // As QEMU does: opened anew by its path.
  const writer = openSync(path, 'r+');
  for (const [page, byte] of PAGES) writeSync(writer, Buffer.alloc(PAGE, byte), 0, PAGE, page * PAGE);
  closeSync(writer);
  return fd;
}

function byteAt(path: string, page: number): number | undefined {
  const fd = openSync(path, 'r');
  try {
    const data = Buffer.alloc(PAGE);
    readSync(fd, data, 0, PAGE, page * PAGE);
    assert.ok(
      data.every((byte) => byte === data[0]),
      `page ${String(page)}`,
    );
    return data[0];
  } finally {
    closeSync(fd);
  }
}

const content = (path: string): Array<number | undefined> => [...PAGES.map(([page]) => page), 50].map((page) => byteAt(path, page));
const EXPECTED = [...PAGES.map(([, byte]) => byte), 0];

test('sealed memory refuses writes and other sizes, also to who opens it for writing', options, () => {
  const fd = written();
  const memory = TemplateMemory.seal(fd);
  const again = openSync(memory.path, 'r+'); // QEMU opens it so, for a private mapping too
  assert.throws(() => writeSync(again, Buffer.from('x'), 0, 1, 0), { code: 'EPERM' });
  assert.throws(() => writeSync(fd, Buffer.from('x'), 0, 1, 0), { code: 'EPERM' });
  for (const size of [0, SIZE / 2, SIZE * 2])
    assert.throws(
      () => {
        ftruncateSync(again, size);
      },
      { code: 'EPERM' },
    );
  closeSync(again);
  assert.deepEqual(content(memory.path), EXPECTED);
  memory.close();
});

test('another process can read it but not write to it', options, async () => {
  const memory = TemplateMemory.seal(written());
  await assert.rejects(
    run('dd', ['if=/dev/urandom', `of=${memory.path}`, 'bs=4096', 'count=1', 'conv=notrunc']),
    /Operation not permitted/,
  );
  const { stdout } = await run('sh', ['-c', `head -c 4096 ${memory.path} | tr '\\001' x`]);
  assert.equal(stdout, 'x'.repeat(PAGE));
  memory.close();
});

test('memory that is not sealed can be written to, so the seal is what refuses', options, () => {
  const { fd, path } = TemplateMemory.create(PAGE);
  const writer = openSync(path, 'r+');
  assert.equal(writeSync(writer, Buffer.from('x'), 0, 1, 0), 1);
  closeSync(writer);
  closeSync(fd);
});

test('what was saved is loaded again, sealed, and takes no more room than its pages', options, async () => {
  await using directory = await scratch();
  const memory = TemplateMemory.seal(written());
  const hash = await memory.save(directory.path('ram'), SIZE);
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.deepEqual(await readdir(directory.root), ['ram']);
  const info = await stat(directory.path('ram'));
  assert.equal(info.size, SIZE);
  assert.equal(info.mode & 0o777, 0o600);
  assert.ok(info.blocks * 512 < 1 << 20, 'the holes were written');
  const loaded = await TemplateMemory.load(directory.path('ram'), SIZE, hash);
  assert.deepEqual(content(loaded.path), EXPECTED);
  assert.ok(loaded.bytes >= 4 * PAGE && loaded.bytes < 1 << 20, String(loaded.bytes));
  const writer = openSync(loaded.path, 'r+');
  assert.throws(() => writeSync(writer, Buffer.from('x'), 0, 1, 0), { code: 'EPERM' });
  closeSync(writer);
  memory.close();
  loaded.close();
});

test('what clones make of its holes is seen, and gone from a trimmed one with the same content', options, async () => {
  const memory = TemplateMemory.seal(TemplateMemory.create(256 << 20).fd);
  assert.equal(memory.isGrown, false);
  // A private mapping that is written to, as a clone's.
  const touch =
    'use strict; my ($path, $size) = ($ARGV[0], $ARGV[1] + 0); open my $file, "+<", $path or die; my $map = syscall(9, 0, $size, 3, 2, fileno($file), 0); die if $map == -1; my $buffer = "x" x $size; open my $me, "+<", "/proc/self/mem" or die; sysseek($me, $map, 0); syswrite($me, $buffer) == $size or die "short";';
  await run('perl', ['-e', touch, memory.path, String(64 << 20)]);
  assert.ok(memory.bytes >= 64 << 20, String(memory.bytes));
  assert.equal(memory.isGrown, true);
  const trimmed = await memory.trimmed();
  assert.equal(trimmed.bytes, 0);
  assert.equal(trimmed.isGrown, false);
  memory.close();
  trimmed.close();
  const source = TemplateMemory.seal(written());
  const same = await source.trimmed();
  assert.deepEqual(content(same.path), EXPECTED);
  const writer = openSync(same.path, 'r+');
  assert.throws(() => writeSync(writer, Buffer.from('x'), 0, 1, 0), { code: 'EPERM' });
  closeSync(writer);
  source.close();
  same.close();
});

test('the hash is of content and place, whichever pages of zeroes are holes', options, async () => {
  await using directory = await scratch();
  const first = TemplateMemory.seal(written());
  const hash = await first.save(directory.path('a'), SIZE);
  const loaded = await TemplateMemory.load(directory.path('a'), SIZE, hash);
  assert.equal(await loaded.save(directory.path('b'), SIZE), hash);
  const { fd } = TemplateMemory.create(SIZE);
  writeSync(fd, Buffer.alloc(PAGE, 1), 0, PAGE, PAGE);
  writeSync(fd, Buffer.alloc(PAGE, 2), 0, PAGE, 0);
  const moved = TemplateMemory.seal(fd);
  const other = TemplateMemory.create(SIZE);
  writeSync(other.fd, Buffer.alloc(PAGE, 1), 0, PAGE, 0);
  writeSync(other.fd, Buffer.alloc(PAGE, 2), 0, PAGE, PAGE);
  const straight = TemplateMemory.seal(other.fd);
  assert.notEqual(await moved.save(directory.path('c'), SIZE), await straight.save(directory.path('d'), SIZE));
  for (const memory of [first, loaded, moved, straight]) memory.close();
});

test('one byte changed on the disk, and it is not loaded', options, async () => {
  await using directory = await scratch();
  const memory = TemplateMemory.seal(written());
  const hash = await memory.save(directory.path('ram'), SIZE);
  memory.close();
  const before = (await readdir('/proc/self/fd')).length;
  for (const offset of [0, 50 * PAGE, SIZE - 1]) {
    await using file = await open(directory.path('ram'), 'r+');
    const [old = 0] = (await file.read(Buffer.alloc(1), 0, 1, offset)).buffer;
    await file.write(Buffer.from([old ^ 0xff]), 0, 1, offset);
    await assert.rejects(TemplateMemory.load(directory.path('ram'), SIZE, hash), { code: 'internal', message: /is not what was saved/ });
    await file.write(Buffer.from([old]), 0, 1, offset);
  }
  (await TemplateMemory.load(directory.path('ram'), SIZE, hash)).close();
  assert.equal((await readdir('/proc/self/fd')).length, before, 'a descriptor was left open');
});

test('the extents of a sparse file are its data, in order', options, async () => {
  await using directory = await scratch();
  await using file = await open(directory.path('f'), 'w+');
  assert.deepEqual([...dataExtents(file.fd)], []);
  await file.truncate(SIZE);
  assert.deepEqual([...dataExtents(file.fd)], []);
  await file.write(Buffer.alloc(PAGE, 1), 0, PAGE, 1 << 20);
  await file.write(Buffer.alloc(2 * PAGE, 1), 0, 2 * PAGE, 32 << 20);
  await file.sync();
  assert.deepEqual(
    [...dataExtents(file.fd)],
    [
      { offset: 1 << 20, length: PAGE },
      { offset: 32 << 20, length: 2 * PAGE },
    ],
  );
});
