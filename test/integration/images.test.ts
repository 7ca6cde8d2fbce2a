/** The image store with the real agent and the real mkfs.erofs; needs root. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Entry, StoreFixture, dockerArchive, tarOf } from '../../src/images/archive-fixture.ts';

const agentPath = join(import.meta.dirname, '../../build/agent/abode-agent');
const skip = process.getuid?.() === 0 ? (existsSync(agentPath) ? false : 'the agent is not built') : 'needs root';

/** The disk mounted as a VM mounts it; the disk is ours, so that the host's kernel may. */
function mount(t: TestContext, disk: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'abode-erofs-'));
  execFileSync('mount', ['-t', 'erofs', '-o', 'ro,loop', disk, directory]);
  t.after(() => {
    execFileSync('umount', [directory]);
    rmdirSync(directory);
  });
  return directory;
}

function describe(root: string, path = ''): string[] {
  const stat = lstatSync(join(root, path));
  const detail = stat.isSymbolicLink() ? readlinkSync(join(root, path)) : stat.isFile() ? `${String(stat.size)} ${String(stat.nlink)}` : '';
  const line =
    `${path || '/'} ${stat.mode.toString(8)} ${String(stat.uid)}:${String(stat.gid)} ${String(Math.floor(stat.mtimeMs / 1000))} ${detail}`.trim();
  return [
    line,
    ...(stat.isDirectory()
      ? readdirSync(join(root, path))
          .toSorted()
          .flatMap((name) => describe(root, join(path, name)))
      : []),
  ];
}

const directory = (name: string, more: Partial<Entry> = {}): Entry => ({
  name,
  type: 'directory',
  mode: 0o755,
  ...more,
});

test('an image of several layers becomes one disk, without its whiteouts', { skip }, async (t) => {
  await using fixture = new StoreFixture({ agentPath });
  const layers = [
    await tarOf(
      directory('./', { mode: 0o711, uid: 5, gid: 6 }),
      directory('etc/'),
      { name: 'etc/keep', content: 'kept', mode: 0o4755, uid: 70_000, gid: 70_001 },
      { name: 'etc/gone', content: 'gone' },
      { name: 'etc/hard', type: 'link', linkname: 'etc/keep' },
      directory('opaque/'),
      { name: 'opaque/old', content: 'old' },
      directory('dir/'),
      { name: 'dir/inner', content: 'x' },
    ),
    await tarOf(
      directory('etc/'),
      { name: 'etc/.wh.gone', content: '' },
      directory('opaque/', { mode: 0o700 }),
      { name: 'opaque/.wh..wh..opq', content: '' },
      { name: 'opaque/new', content: 'new' },
      { name: '.wh.dir', content: '' },
      { name: 'never/.wh.was', content: '' },
      { name: 'link', type: 'symlink', linkname: '/etc/keep' },
      { name: 'pipe', type: 'fifo' },
    ),
    await tarOf({ name: 'dir', content: 'now a file' }),
  ];
  await fixture.load(await dockerArchive({ layers, names: ['x:1'] }));
  const image = fixture.store.get('x:1');
  assert.equal(fixture.store.diskSize(image), undefined);
  const [disk, again] = await Promise.all([fixture.store.disk(image), fixture.store.disk(image)]);
  assert.deepEqual(disk, again);
  assert.equal(fixture.store.diskSize(image), disk.bytes);
  const root = mount(t, disk.path);
  const at = 1_000_000_000;
  const lines = describe(root).filter((line) => !line.startsWith('never '));
  assert.deepEqual(lines, [
    `/ 40711 5:6 ${String(at)}`,
    'dev 40755 0:0 0',
    `dir 100644 0:0 ${String(at)} 10 1`,
    `etc 40755 0:0 ${String(at)}`,
    `etc/hard 104755 70000:70001 ${String(at)} 4 2`,
    'etc/hostname 100644 0:0 0 0 1',
    'etc/hosts 100644 0:0 0 0 1',
    `etc/keep 104755 70000:70001 ${String(at)} 4 2`,
    'etc/resolv.conf 100644 0:0 0 0 1',
    `link 120777 0:0 ${String(at)} /etc/keep`,
    `opaque 40700 0:0 ${String(at)}`,
    `opaque/new 100644 0:0 ${String(at)} 3 1`,
    `pipe 10644 0:0 ${String(at)}`,
    'proc 40755 0:0 0',
    'sys 40755 0:0 0',
  ]);
  assert.deepEqual(readdirSync(join(fixture.root, 'images/tmp')), [], 'no work is left');
  assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), new RegExp(fixture.root), 'no mount is left');

  await fixture.store.remove('x:1', { force: false, prune: true, inUse: () => undefined });
  assert.equal(existsSync(disk.path), false);
});

test('an overlay of the layers lists no name that cannot be opened', { skip }, async (t) => {
  await using fixture = new StoreFixture({ agentPath });
  const layers = [
    await tarOf(directory('a/'), { name: 'a/.wh.x', content: '' }, { name: '.wh.top', content: '' }),
    await tarOf(directory('a/'), { name: 'a/.wh.y', content: '' }, directory('a/new/'), {
      name: 'a/new/.wh.z',
      content: '',
    }),
    await tarOf(directory('a/new/'), { name: 'a/new/.wh..wh..opq', content: '' }, { name: 'a/new/.wh.q', content: '' }),
    await tarOf({ name: '.wh.a', content: '' }),
    await tarOf(directory('a/'), { name: 'a/.wh.again', content: '' }),
  ];
  for (let count = 1; count <= layers.length; count += 1) {
    await fixture.load(await dockerArchive({ layers: layers.slice(0, count), names: [`x:${String(count)}`] }));
    const root = mount(t, (await fixture.store.disk(fixture.store.get(`x:${String(count)}`))).path);
    const added = /^(dev|proc|sys|etc.*)$/;
    const names = readdirSync(root, { recursive: true })
      .map(String)
      .filter((name) => !added.test(name))
      .toSorted();
    assert.deepEqual(names, [['a'], ['a', 'a/new'], ['a', 'a/new'], [], ['a']][count - 1]);
  }
});

test('a layer alone keeps whiteouts off its disk too', { skip }, async (t) => {
  await using fixture = new StoreFixture({ agentPath });
  await fixture.load(
    await dockerArchive({
      layers: [await tarOf(directory('a/'), { name: 'a/.wh.b', content: '' }, { name: 'c', content: 'c' })],
      names: ['x:1'],
    }),
  );
  const root = mount(t, (await fixture.store.disk(fixture.store.get('x:1'))).path);
  assert.deepEqual(readdirSync(join(root, 'a')), []);
});

test('layers cannot write outside', { skip }, async () => {
  await using fixture = new StoreFixture({ agentPath });
  const outside = join(fixture.root, 'outside');
  const layers = [await tarOf({ name: 'esc', type: 'symlink', linkname: fixture.root }, { name: 'esc/outside', content: 'x' })];
  await fixture.load(await dockerArchive({ layers, names: ['x:1'] })).catch(() => undefined);
  await fixture
    .load(
      await dockerArchive({
        layers: [await tarOf({ name: '../../../../outside', content: 'x' })],
        names: ['y:1'],
      }),
    )
    .catch(() => undefined);
  assert.equal(existsSync(outside), false);
});

test('a broken layer is an error and leaves nothing', { skip }, async () => {
  await using fixture = new StoreFixture({ agentPath });
  for (const layer of [Buffer.alloc(4096, 'x'), (await tarOf({ name: 'a', content: Buffer.alloc(9000) })).subarray(0, 4000)]) {
    await assert.rejects(fixture.load(await dockerArchive({ layers: [layer], names: ['x:1'] })), {
      code: 'invalid',
      message: /^Error processing tar file/,
    });
  }
  await fixture.store.settled();
  assert.deepEqual(readdirSync(join(fixture.root, 'images/layers')), []);
  assert.deepEqual(readdirSync(join(fixture.root, 'images/tmp')), []);
});

test('the base image is the same on every machine, and so is its disk', { skip }, async (t) => {
  await using first = new StoreFixture({ agentPath });
  await using second = new StoreFixture({ agentPath });
  await first.store.ensureBase();
  await second.store.ensureBase();
  const image = first.store.get('abode/base');
  assert.equal(second.store.get('abode/base').id, image.id);
  assert.deepEqual(image.config.Cmd, ['sh']);
  const disk = await first.store.disk(image);
  const same = await second.store.disk(second.store.get('abode/base'));
  const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
  assert.equal(hash(same.path), hash(disk.path));
  const root = mount(t, disk.path);
  const lines = describe(root);
  for (const line of [
    'tmp 41777 0:0 0',
    'root 40700 0:0 0',
    'home/abode 40755 1000:1000 0',
    'usr/bin/env 120777 0:0 0 ../../bin/busybox',
    'bin/sh 120777 0:0 0 busybox',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.equal(
    execFileSync('chroot', [root, '/bin/sh', '-c', 'id -u abode; echo $((6*7))'], {
      encoding: 'utf8',
    }),
    '1000\n42\n',
  );
});

test('the base image is made again when it is missing or its busybox changed, and only then', { skip }, async () => {
  await using fixture = new StoreFixture({ agentPath });
  await fixture.store.ensureBase();
  const made = fixture.database.get('SELECT created_at FROM image');
  await fixture.store.ensureBase();
  assert.deepEqual(fixture.database.get('SELECT created_at FROM image'), made);
  const { id } = fixture.store.get('abode/base');
  await fixture.store.remove('abode/base', { force: false, prune: true, inUse: () => undefined });
  await fixture.store.ensureBase();
  assert.equal(fixture.store.get('abode/base').id, id);
  await fixture.load(
    await dockerArchive({
      layers: [await tarOf({ name: 'mine', content: '' })],
      names: ['mine:1'],
    }),
  );
  const mine = fixture.store.tag('mine:1', 'abode/base', 'latest');
  await fixture.store.ensureBase();
  assert.equal(fixture.store.get('abode/base').id, mine.id, 'a name that the user gave stays');
});
