import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { tarOf } from './archive-fixture.ts';
import { Spool } from './spool.ts';

const limits = { maxBytes: 1 << 20, maxEntries: 100 };

async function fill(t: TestContext, tar: Buffer, some: Partial<typeof limits> = {}): Promise<Spool> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-spool-'));
  t.after(() => rm(directory, { recursive: true }));
  async function* source(): AsyncGenerator<Buffer> {
    for (let at = 0; at < tar.length; at += 1000) yield tar.subarray(at, at + 1000);
  }
  const spool = await Spool.fill(source(), directory, { ...limits, ...some });
  for (const name of await readdir(directory)) assert.match(name, /^\d+$/);
  return spool;
}

test('files and links are found by name, in any order', async (t) => {
  const spool = await fill(
    t,
    await tarOf(
      { name: 'a/link', type: 'symlink', linkname: '../b/file' },
      { name: 'hard', type: 'link', linkname: './b/file' },
      { name: 'b/', type: 'directory' },
      { name: './b/file', content: 'text' },
      { name: 'again', content: 'old' },
      { name: 'again', content: 'new' },
      { name: 'loop', type: 'symlink', linkname: 'loop' },
      { name: `${'long/'.repeat(50)}name`, content: 'deep' },
      { name: 'device', type: 'character-device' },
    ),
  );
  assert.equal(await spool.text('a/link'), 'text');
  assert.equal(await spool.text('hard'), 'text');
  assert.equal(await spool.text('again'), 'new');
  assert.equal(await spool.text(`${'long/'.repeat(50)}name`), 'deep');
  for (const name of ['b', 'loop', 'device', 'nothing']) assert.equal(spool.has(name), false, name);
  await assert.rejects(spool.text('nothing'), { code: 'invalid' });
});

test('names and links that leave the archive are refused', async (t) => {
  for (const entry of [
    { name: '../x', content: '' },
    { name: 'a/../../x', content: '' },
    { name: '/etc/x', content: '' },
    { name: 'a/l', type: 'symlink', linkname: '../../x' },
    { name: 'l', type: 'link', linkname: '/etc/passwd' },
  ] as const) {
    await assert.rejects(fill(t, await tarOf(entry)), { code: 'invalid', message: /leaves it/ }, entry.name);
  }
});

test('limits hold', async (t) => {
  const tar = await tarOf({ name: 'a', content: Buffer.alloc(600) }, { name: 'b', content: Buffer.alloc(600) });
  await assert.rejects(fill(t, tar, { maxBytes: 1000 }), {
    code: 'invalid',
    message: /more than 1000 bytes/,
  });
  await assert.rejects(fill(t, tar, { maxEntries: 1 }), {
    code: 'invalid',
    message: /more than 1 files/,
  });
  const large = await fill(t, await tarOf({ name: 'big.json', content: Buffer.alloc(9 << 20) }), {
    maxBytes: 1 << 30,
  });
  await assert.rejects(large.text('big.json'), { code: 'invalid' });
});

test('an extended header without end is not kept in memory', async (t) => {
  const header = (await tarOf({ name: 'x', content: Buffer.alloc(600) })).subarray(0, 512);
  const huge = Buffer.from(header);
  huge.write('x', 156); // type: extended header
  huge.write('77777777777\0', 124); // size: 8 GiB
  huge.fill(' ', 148, 156);
  const sum = huge.reduce((total, byte) => total + byte, 0);
  huge.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  await assert.rejects(fill(t, Buffer.concat([huge, Buffer.alloc(16 << 20, 'x')])), {
    code: 'invalid',
    message: /invalid tar header/,
  });
});

test("a broken archive is an error in Docker's words", async (t) => {
  const tar = await tarOf({ name: 'a', content: Buffer.alloc(5000) });
  await assert.rejects(fill(t, tar.subarray(0, 2000)), {
    code: 'invalid',
    message: 'Error processing tar file(exit status 1): unexpected EOF',
  });
  await assert.rejects(fill(t, Buffer.alloc(5000, 'x')), {
    code: 'invalid',
    message: 'Error processing tar file(exit status 1): archive/tar: invalid tar header',
  });
});
