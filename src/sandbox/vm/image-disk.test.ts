import assert from 'node:assert/strict';
import { mkdir, mkdtemp, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { MKFS_EROFS_OPTIONS, mkfsErofsEnvironment } from '../../base/erofs.ts';
import { run } from '../../base/process.ts';
import { IMAGE_DISK_BYTES, padImageDisk, writePlaceholder } from './image-disk.ts';

const BLOCK = 4096;
const options = { timeout: 120_000 };

async function scratch(): Promise<AsyncDisposable & { path: (name: string) => string }> {
  const root = await mkdtemp(join(tmpdir(), 'abode-image-disk-'));
  return { path: (name) => join(root, name), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

/** An image whose root directory has these names. */
async function makeImage(directory: string, names: readonly string[]): Promise<string> {
  const root = join(directory, 'root');
  await mkdir(root, { recursive: true });
  for (const name of names) await mkdir(join(root, name));
  const image = join(directory, 'image');
  await run('mkfs.erofs', [...MKFS_EROFS_OPTIONS, image, root], { env: mkfsErofsEnvironment });
  return image;
}

async function blockAt(path: string, position: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  const block = Buffer.alloc(BLOCK);
  await file.read(block, 0, BLOCK, position);
  return block;
}

/** As the kernel reads a directory's block: entries of 12 bytes, then names; the last ends at a zero or the block's end. */
function listBlock(block: Buffer): string[] {
  const count = block.readUInt16LE(8) / 12;
  return Array.from({ length: count }, (_, index) => {
    const end = index + 1 < count ? block.readUInt16LE(12 * (index + 1) + 8) : BLOCK;
    const name = block.subarray(block.readUInt16LE(12 * index + 8), end).toString('utf8');
    return `${String(block.readBigUInt64LE(12 * index))} ${name.replace(/\0.*$/s, '')}`;
  });
}

/** As erofs-utils reads it, from the image's own root directory. */
async function listImage(image: string): Promise<string[]> {
  const { stdout } = await run('dump.erofs', ['--ls', '--path=/', image]);
  return [...stdout.matchAll(/^ +(\d+) +\d+ +(\S+)$/gm)].map(([, nid, name]) => `${nid ?? ''} ${name ?? ''}`);
}

test('the last block of a disk lists the root directory that the image has', options, async () => {
  const name = fc.stringMatching(/^[a-z0-9_-]{1,40}$/);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(name, { maxLength: 60 }), async (names) => {
      await using directory = await scratch();
      const image = await makeImage(directory.path('.'), names);
      assert.equal(await padImageDisk(image), true);
      assert.equal((await stat(image)).size, IMAGE_DISK_BYTES);
      const listed = listBlock(await blockAt(image, IMAGE_DISK_BYTES - BLOCK));
      assert.deepEqual(listed.toSorted(), (await listImage(image)).toSorted());
      const plain = listed.map((entry) => entry.slice(entry.indexOf(' ') + 1));
      assert.deepEqual(plain, plain.toSorted(), 'lookups search by halves');
    }),
    { numRuns: 12 },
  );
});

test('a root directory of more than a block cannot take the place of the placeholder', options, async () => {
  await using directory = await scratch();
  const image = await makeImage(
    directory.path('.'),
    Array.from({ length: 300 }, (_, index) => `directory-${String(index)}`),
  );
  for (let round = 0; round < 2; round++) assert.equal(await padImageDisk(image), false);
  assert.equal((await stat(image)).size, IMAGE_DISK_BYTES);
  assert.ok((await blockAt(image, IMAGE_DISK_BYTES - BLOCK)).every((byte) => byte === 0));
});

test('another layout than that of the placeholder is told, and the file is kept', options, async () => {
  await using directory = await scratch();
  const root = directory.path('root');
  await mkdir(root);
  await run('mkfs.erofs', ['--quiet', '-T', '1', directory.path('dated'), root]);
  await writeFile(directory.path('text'), 'erofs');
  for (const name of ['dated', 'text']) assert.equal(await padImageDisk(directory.path(name)), false, name);
  assert.equal((await blockAt(directory.path('text'), 0)).subarray(0, 5).toString(), 'erofs');
  await writeFile(directory.path('large'), '');
  await truncate(directory.path('large'), IMAGE_DISK_BYTES + 1);
  await assert.rejects(padImageDisk(directory.path('large')), { code: 'invalid', message: /is larger than/ });
});

test('the placeholder is an empty image of the nominal size that takes little room', options, async () => {
  await using directory = await scratch();
  await writePlaceholder(directory.path('placeholder'));
  const info = await stat(directory.path('placeholder'));
  assert.equal(info.size, IMAGE_DISK_BYTES);
  assert.ok(info.blocks * 512 < 1 << 20);
  assert.deepEqual(
    (await listImage(directory.path('placeholder'))).map((entry) => entry.split(' ')[1]).filter((name) => name !== '.' && name !== '..'),
    [],
  );
  assert.deepEqual(listBlock(await blockAt(directory.path('placeholder'), IMAGE_DISK_BYTES - BLOCK)), ['36 .', '36 ..']);
});
