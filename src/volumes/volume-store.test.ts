import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chown, link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLog } from '../base/log.ts';
import { Database } from '../state/database.ts';
import { measureVolume } from './measure-volume.ts';
import type { NewVolume } from './volume-record.ts';
import { VolumeStore } from './volume-store.ts';

const AGENT = join(import.meta.dirname, '..', '..', 'build', 'agent', 'abode-agent');
const skip =
  process.getuid?.() === 0 ? (existsSync(AGENT) ? false : 'the agent is not built') : 'mounts in a namespace of its own need root';

const volume = (name: string, more: Partial<NewVolume> = {}): NewVolume => ({ name, driver: '', labels: null, options: null, ...more });

interface Scratch extends AsyncDisposable {
  readonly directory: string;
  readonly database: Database;
  readonly store: VolumeStore;
  readonly again: () => VolumeStore;
  readonly layer: (name: string, files: Readonly<Record<string, string>>) => Promise<string>;
}

async function scratch(): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-vol-'));
  const database = Database.open(join(directory, 'state.db'));
  const again = (): VolumeStore =>
    new VolumeStore({ root: join(directory, 'volumes'), database, agentPath: AGENT, log: createLog('silent') });
  return {
    directory,
    database,
    again,
    store: again(),
    layer: async (name, files) => {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(join(directory, name, path, '..'), { recursive: true });
        await writeFile(join(directory, name, path), content);
      }
      return join(directory, name);
    },
    [Symbol.asyncDispose]: async () => {
      database.close();
      await rm(directory, { recursive: true });
    },
  };
}

test('a volume is there until it is removed, and its name is free again then', async () => {
  await using place = await scratch();
  const { store } = place;
  assert.equal(store.insert(volume('data', { labels: { a: 'b' } })), true);
  assert.equal(store.insert(volume('data')), false);
  await store.makeDirectory('data');
  await writeFile(join(store.mountpoint('data'), 'f'), 'x');
  assert.deepEqual(place.again().get('data').labels, { a: 'b' });
  store.markRemoving('data');
  assert.equal(store.find('data'), undefined);
  assert.throws(() => store.get('data'), { code: 'not-found', message: 'get data: no such volume' });
  assert.throws(() => store.insert(volume('data')), { code: 'conflict' });
  const removal = store.finishRemoval('data');
  await store.awaitRemovals(['data']);
  assert.equal(store.insert(volume('data')), true);
  await removal;
  await store.makeDirectory('data');
  assert.deepEqual(await readdir(store.mountpoint('data')), []);
});

test('what a transaction undoes was never there', async () => {
  await using place = await scratch();
  const { store, database } = place;
  assert.throws(() => {
    database.transaction(() => {
      store.insert(volume('data'));
      throw new Error('cut short');
    });
  }, /cut short/);
  assert.deepEqual(store.all(), []);
});

test('a removal that was begun is completed at the next start; what no row names stays', async () => {
  await using place = await scratch();
  const { store, directory } = place;
  for (const name of ['gone', 'kept']) {
    store.insert(volume(name));
    await store.makeDirectory(name);
  }
  await mkdir(join(directory, 'volumes', 'strange', '_data'), { recursive: true });
  store.markRemoving('gone');
  const next = place.again();
  await rm(next.mountpoint('kept'), { recursive: true });
  await next.recover();
  assert.deepEqual(await readdir(next.mountpoint('kept')), [], 'made where it was not yet');
  assert.deepEqual(
    next.all().map(({ name }) => name),
    ['kept'],
  );
  assert.deepEqual((await readdir(join(directory, 'volumes'))).sort(), ['kept', 'strange']);
  assert.equal(next.insert(volume('gone')), true);
});

const REFUSED: readonly (readonly [NewVolume, string, string])[] = [
  [volume('a'), 'invalid', 'create a: volume name is too short, names should be at least two alphanumeric characters'],
  [
    volume('a/b'),
    'invalid',
    'create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
  ],
  [
    volume('..'),
    'invalid',
    'create ..: ".." includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
  ],
  [volume('x'.repeat(256)), 'invalid', `create ${'x'.repeat(256)}: volume name is too long, names should have at most 255 characters`],
  [volume('vv', { driver: 'nosuch' }), 'not-found', 'create vv: error looking up volume plugin nosuch: plugin "nosuch" not found'],
  [volume('vv', { options: { foo: 'x' } }), 'invalid', 'create vv: invalid option: "foo"'],
  [volume('vv', { options: { type: 'tmpfs' } }), 'invalid', 'create vv: missing required option: "device"'],
];

for (const [request, code, message] of REFUSED)
  test(`refused: ${message.slice(0, 90)}`, async () => {
    await using place = await scratch();
    assert.throws(() => place.store.insert(request), { code, message });
    assert.deepEqual(place.store.all(), []);
  });

test('an empty volume gets what the image has there: the upper layer, owners and modes', { skip }, async () => {
  await using place = await scratch();
  const { store } = place;
  const lower = await place.layer('lower', { 'srv/data/a': 'lower', 'srv/data/deep/b': 'b' });
  const upper = await place.layer('upper', { 'srv/data/a': 'upper' });
  await chown(join(upper, 'srv/data'), 5, 6);
  await symlink('/srv/data', join(upper, 'link'));
  store.insert(volume('data'));
  await store.makeDirectory('data');
  await store.populate('data', [upper, lower], '/link', () => false);
  const data = store.mountpoint('data');
  assert.deepEqual((await readdir(data, { recursive: true })).sort(), ['a', 'deep', 'deep/b']);
  assert.equal(await readFile(join(data, 'a'), 'utf8'), 'upper');
  const { uid, gid, mode } = await stat(data);
  assert.deepEqual([uid, gid, mode & 0o7777], [5, 6, 0o755]);
  assert.deepEqual(await readdir(join(data, '..')), ['_data'], 'nothing is left beside it');
});

test('what the image has not, or has as a link out of it, leaves a volume empty', { skip }, async () => {
  await using place = await scratch();
  const { store, directory } = place;
  const layer = await place.layer('layer', { 'srv/x': 'x' });
  await place.layer('secret', { key: 'k' });
  await symlink(`../../../../../../..${join(directory, 'secret')}`, join(layer, 'out'));
  store.insert(volume('data'));
  await store.makeDirectory('data');
  for (const destination of ['/nosuch', '/out', '/../secret']) await store.populate('data', [layer], destination, () => false);
  assert.deepEqual(await readdir(store.mountpoint('data')), []);
});

test('a volume that holds something is left as it is', { skip }, async () => {
  await using place = await scratch();
  const { store } = place;
  const layer = await place.layer('layer', { 'srv/x': 'x' });
  store.insert(volume('data'));
  await store.makeDirectory('data');
  await writeFile(join(store.mountpoint('data'), 'own'), '');
  await store.populate('data', [layer], '/srv', () => false);
  assert.deepEqual(await readdir(store.mountpoint('data')), ['own']);
});

test('a volume in use keeps its directory, and is filled where its users look', { skip }, async () => {
  await using place = await scratch();
  const { store } = place;
  const layer = await place.layer('layer', { 'srv/x': 'x', 'srv/y/z': 'z' });
  store.insert(volume('data'));
  await store.makeDirectory('data');
  const before = await stat(store.mountpoint('data'));
  await store.populate('data', [layer], '/srv', () => true);
  const after = await stat(store.mountpoint('data'));
  assert.equal(after.ino, before.ino);
  assert.deepEqual((await readdir(store.mountpoint('data'), { recursive: true })).sort(), ['x', 'y', 'y/z']);
});

test('a copy that was cut short leaves nothing, and is made anew', { skip }, async () => {
  await using place = await scratch();
  const { store } = place;
  const layer = await place.layer('layer', { 'srv/x': 'x' });
  store.insert(volume('data'));
  await store.makeDirectory('data');
  const beside = join(store.mountpoint('data'), '..');
  await mkdir(join(beside, 'fill'));
  await writeFile(join(beside, 'fill', 'half'), '');
  await store.populate('data', [layer], '/srv', () => false);
  assert.deepEqual(await readdir(store.mountpoint('data')), ['x']);
  assert.deepEqual(await readdir(beside), ['_data']);
});

test('a move that was cut short is finished', { skip }, async () => {
  await using place = await scratch();
  const { store } = place;
  const layer = await place.layer('layer', { 'srv/x': 'x' });
  store.insert(volume('data'));
  await store.makeDirectory('data');
  const beside = join(store.mountpoint('data'), '..');
  await mkdir(join(beside, 'moving'));
  await writeFile(join(beside, 'moving', 'rest'), '');
  await writeFile(join(store.mountpoint('data'), 'moved'), '');
  await store.populate('data', [layer], '/srv', () => false);
  assert.deepEqual((await readdir(store.mountpoint('data'))).sort(), ['moved', 'rest']);
  assert.deepEqual(await readdir(beside), ['_data']);
});

test("a volume's size counts each file once", { skip }, async () => {
  await using place = await scratch();
  const directory = await place.layer('tree', { a: '12345', 'b/c': '123' });
  await link(join(directory, 'a'), join(directory, 'hard'));
  assert.equal(await measureVolume(directory), 8);
});
