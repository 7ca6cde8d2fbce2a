import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { StoreFixture, configurationOf, dockerArchive, dockerEntries, tarOf } from './archive-fixture.ts';
import { chainsOf, digestOf, hexOf } from './digest.ts';

const base = await tarOf(
  { name: './', type: 'directory', mode: 0o750 },
  { name: 'etc/', type: 'directory' },
  { name: 'etc/a', content: 'base' },
);
const app = await tarOf({ name: 'app', content: 'app' });
const other = await tarOf({ name: 'other', content: 'other' });
const unused = (): undefined => undefined;
const options = { force: false, prune: true, inUse: unused };

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Nothing but directories that are empty, and no rows. */
async function assertEmpty(fixture: StoreFixture): Promise<void> {
  await fixture.store.settled();
  for (const name of ['layers', 'tars', 'disks', 'tmp']) assert.deepEqual(readdirSync(join(fixture.root, 'images', name)), [], name);
  for (const table of ['image', 'image_reference', 'layer']) assert.deepEqual(fixture.database.all(`SELECT * FROM ${table}`), [], table);
}

test('a docker archive is loaded, listed, found and removed', async () => {
  await using fixture = new StoreFixture();
  const image = {
    layers: [base, app],
    names: ['app:1', 'docker.io/library/app:latest'],
    config: { Env: ['A=b'], Cmd: null },
  };
  assert.deepEqual(await fixture.load(await dockerArchive(image)), ['Loaded image: app:1\n', 'Loaded image: app:latest\n']);
  const record = fixture.store.get('app');
  assert.equal(record.id, digestOf(configurationOf(image)));
  assert.deepEqual(record.references, ['app:1', 'app:latest']);
  assert.deepEqual(record.config, { Env: ['A=b'] });
  assert.deepEqual(record.layerSizes, [4, 3]);
  assert.equal(record.size, 7);
  for (const name of [record.id, hexOf(record.id), hexOf(record.id).slice(0, 6), record.id.slice(0, 15), 'library/app:1']) {
    assert.equal(fixture.store.find(name)?.id, record.id, name);
  }
  const [top = '', bottom = ''] = fixture.store.layers(record);
  assert.equal(readFileSync(join(top, 'app'), 'utf8'), 'app');
  assert.equal(readFileSync(join(bottom, 'etc/a'), 'utf8'), 'base');
  assert.equal(statSync(top).mode & 0o7777, 0o750, 'a layer that does not describe its root has that of the layer below');
  assert.equal(statSync(top).mtimeMs, statSync(bottom).mtimeMs);

  const [chain0, chain1] = chainsOf(record.diffIds);
  assert.deepEqual(await fixture.store.remove('app:1', options), [{ Untagged: 'app:1' }]);
  assert.deepEqual(await fixture.store.remove('app', options), [
    { Untagged: 'app:latest' },
    { Deleted: record.id },
    { Deleted: chain1 },
    { Deleted: chain0 },
  ]);
  assert.throws(() => fixture.store.get('app'), {
    code: 'not-found',
    message: 'No such image: app:latest',
  });
  await assertEmpty(fixture);
});

test('archives in any order, with links and compressed layers', async () => {
  await using fixture = new StoreFixture();
  const image = {
    layers: [base, app, other],
    stored: [gzipSync(base), zstdCompressSync(app), other],
    names: ['x:1'],
  };
  const entries = dockerEntries(image).toReversed();
  const linked = entries.map((entry) =>
    entry.name === '0-2/layer.tar' ? { name: entry.name, type: 'symlink' as const, linkname: '../shared/layer.tar' } : entry,
  );
  const archive = gzipSync(await tarOf(...linked, { name: 'shared/layer.tar', content: other }));
  assert.deepEqual(await fixture.load(archive), ['Loaded image: x:1\n']);
  assert.deepEqual(await fixture.load(await dockerArchive({ ...image, names: [] })), [`Loaded image ID: ${fixture.store.get('x:1').id}\n`]);
});

test('layers are shared, and stay as long as one image has them', async () => {
  await using fixture = new StoreFixture();
  await fixture.load(await dockerArchive({ layers: [base, app], names: ['a:1'] }, { layers: [base, other], names: ['b:1'] }));
  const [top] = fixture.store.layers(fixture.store.get('b:1'));
  const [chain0 = '', chain1] = chainsOf(fixture.store.get('a:1').diffIds);
  assert.deepEqual((await fixture.store.remove('a:1', options)).at(-1), { Deleted: chain1 });
  assert.ok(existsSync(top ?? ''));
  assert.ok((await fixture.store.remove('b:1', options)).some((line) => 'Deleted' in line && line.Deleted === chain0));
  await assertEmpty(fixture);
});

test('a name moves to what is loaded later', async () => {
  await using fixture = new StoreFixture();
  await fixture.load(await dockerArchive({ layers: [base], names: ['a:1'] }));
  const old = fixture.store.get('a:1');
  assert.deepEqual(await fixture.load(await dockerArchive({ layers: [app], names: ['a:1'] })), [
    `The image a:1 already exists, renaming the old one with ID ${old.id} to empty string\n`,
    'Loaded image: a:1\n',
  ]);
  assert.deepEqual(
    fixture.store.list({ all: false, filters: { dangling: ['true'] } }).map(({ id }) => id),
    [old.id],
  );
});

test('what is saved loads again, the same', async () => {
  await using fixture = new StoreFixture();
  await using second = new StoreFixture();
  await fixture.load(
    await dockerArchive({ layers: [base, app], names: ['a:1', 'a:2', 'r.example/a:1'] }, { layers: [base, other], names: ['b:1'] }),
  );
  const saved = await readAll(await fixture.store.save(['a', 'b:1']));
  assert.deepEqual(await readAll(await fixture.store.save(['a', 'b:1'])), saved, 'the same bytes each time');
  assert.deepEqual(await second.load(saved), ['Loaded image: a:1\n', 'Loaded image: a:2\n', 'Loaded image: b:1\n']);
  assert.equal(second.store.get('a:2').id, fixture.store.get('a:1').id);
  assert.deepEqual(await second.load(await readAll(await second.store.save([second.store.get('b:1').id]))), [
    `Loaded image ID: ${second.store.get('b:1').id}\n`,
  ]);
  await assert.rejects(fixture.store.save(['a', 'nothing']), {
    code: 'not-found',
    message: 'No such image: nothing:latest',
  });
});

test('a layer that changed on disk is not saved', async () => {
  await using fixture = new StoreFixture();
  await fixture.load(await dockerArchive({ layers: [base], names: ['a:1'] }));
  writeFileSync(
    join(fixture.root, 'images/tars', hexOf(digestOf(base))),
    zstdCompressSync(Buffer.concat([base.subarray(0, -1), Buffer.from('x')])),
  );
  await assert.rejects(async () => readAll(await fixture.store.save(['a:1'])), /was changed on disk/);
});

test('an OCI layout is loaded', async () => {
  await using fixture = new StoreFixture();
  const configuration = configurationOf({ layers: [base, app] });
  const blobs: { name: string; content: Buffer }[] = [];
  const add = (content: Buffer | string): string => {
    const digest = digestOf(content);
    blobs.push({ name: `blobs/sha256/${hexOf(digest)}`, content: Buffer.from(content) });
    return digest;
  };
  const manifest = add(
    JSON.stringify({
      config: { digest: add(configuration) },
      layers: [{ digest: add(gzipSync(base)) }, { digest: add(zstdCompressSync(app)) }],
    }),
  );
  const foreign = {
    digest: `sha256:${'0'.repeat(64)}`,
    platform: { architecture: 'unknown', os: 'unknown' },
  };
  const index = add(
    JSON.stringify({
      manifests: [
        foreign,
        {
          digest: manifest,
          platform: { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' },
        },
      ],
    }),
  );
  const top = (annotations: object): string =>
    JSON.stringify({
      manifests: [{ mediaType: 'application/vnd.oci.image.index.v1+json', digest: index, annotations }],
    });
  const named = await tarOf({ name: 'index.json', content: top({ 'io.containerd.image.name': 'docker.io/library/o:1' }) }, ...blobs);
  assert.deepEqual(await fixture.load(named), ['Loaded image: o:1\n']);
  const tagged = await tarOf({ name: 'index.json', content: top({ 'org.opencontainers.image.ref.name': 'latest' }) }, ...blobs);
  assert.deepEqual(await fixture.load(tagged), [`Loaded image ID: ${digestOf(configuration)}\n`]);
  const forged = blobs.map((blob) =>
    blob.name.endsWith(hexOf(manifest)) ? { ...blob, content: Buffer.concat([blob.content, Buffer.from(' ')]) } : blob,
  );
  await assert.rejects(fixture.load(await tarOf({ name: 'index.json', content: top({}) }, ...forged)), {
    code: 'invalid',
    message: /has the digest/,
  });
});

test('what is wrong leaves nothing behind', async () => {
  await using fixture = new StoreFixture({ maxLayerBytes: 1 << 20 });
  const good = await dockerArchive({ layers: [base, app], names: ['x:1'] });
  const manifest = (content: unknown): Promise<Buffer> =>
    tarOf(
      { name: 'manifest.json', content: JSON.stringify(content) },
      { name: 'c', content: configurationOf({ layers: [base] }) },
      { name: 'l', content: base },
    );
  const cases: readonly (readonly [string, Buffer | Promise<Buffer>, RegExp])[] = [
    ['nothing', Buffer.alloc(0), /neither manifest.json nor index.json/],
    ['no tar', Buffer.alloc(2000, 'x'), /^Error processing tar file\(exit status 1\): archive\/tar: invalid tar header$/],
    ['cut off', good.subarray(0, 3000), /^Error processing tar file\(exit status 1\): unexpected EOF$/],
    ['gzip cut off', gzipSync(good).subarray(0, 400), /^Error processing tar file\(exit status 1\): unexpected EOF$/],
    ['a manifest that is no list', manifest({}), /^invalid manifest/],
    ['a manifest that is no JSON', tarOf({ name: 'manifest.json', content: '[' }), /^invalid manifest/],
    ['a configuration that is missing', manifest([{ Config: 'z', Layers: ['l'] }]), /z: no such file/],
    ['a configuration outside', manifest([{ Config: '../c', Layers: ['l'] }]), /leaves it/],
    ['a configuration that is none', manifest([{ Config: 'l', Layers: ['l'] }]), /^invalid image configuration/],
    ['a layer that is missing', manifest([{ Config: 'c', Layers: ['z'] }]), /z: no such file/],
    ['too few layers', manifest([{ Config: 'c', Layers: [] }]), /^invalid manifest, layers length mismatch: expected 0, got 1$/],
    ['a name that is none', manifest([{ Config: 'c', Layers: ['l'], RepoTags: ['X:1'] }]), /^invalid reference format/],
    ['a name without tag', manifest([{ Config: 'c', Layers: ['l'], RepoTags: ['x'] }]), /^invalid tag "x"$/],
    [
      'another layer than named',
      dockerArchive({ layers: [base, app], stored: [base, other] }),
      /^invalid diffID for layer 1: expected "sha256:.*", got "sha256:.*"$/,
    ],
    ['a layer that is no tar', dockerArchive({ layers: [Buffer.alloc(2000, 'x')] }), /^Error processing tar file\(exit status 1\): /],
    ['a layer cut off', dockerArchive({ layers: [base], stored: [gzipSync(base).subarray(0, 50)] }), /unexpected EOF/],
    ['a layer too large', dockerArchive({ layers: [Buffer.alloc(2 << 20)] }), /larger than 1048576 bytes/],
    [
      'a later image that is wrong',
      dockerArchive({ layers: [base], names: ['a:1'] }, { layers: [app], stored: [other], names: ['b:1'] }),
      /^invalid diffID/,
    ],
  ];
  for (const [what, archive, message] of cases) {
    await assert.rejects(fixture.load(await archive), { code: 'invalid', message }, what);
    await assertEmpty(fixture);
  }
});

test('an image is imported', async () => {
  await using fixture = new StoreFixture();
  const record = await fixture.store.import(Readable.from([gzipSync(base)]), {
    reference: 'imp',
    changes: ['CMD ["sh"]', 'ENV A=b'],
  });
  assert.deepEqual(record.references, ['imp:latest']);
  assert.deepEqual(record.config, { Cmd: ['sh'], Env: ['A=b'] });
  assert.deepEqual(record.diffIds, [digestOf(base)]);
  assert.equal(record.comment, 'Imported from -');
  const read: Readable = Readable.from([base]);
  await assert.rejects(fixture.store.import(read, { reference: 'Imp', changes: [] }), {
    code: 'invalid',
  });
  await assert.rejects(fixture.store.import(Readable.from([base]), { changes: ['RUN x'] }), {
    code: 'invalid',
  });
  await assert.rejects(fixture.store.import(Readable.from([Buffer.alloc(600, 'x')]), { changes: [] }), { code: 'invalid' });
  assert.equal(fixture.store.list({ all: true, filters: {} }).length, 1);
});

test('a container that was stopped keeps what was removed by force', async () => {
  await using fixture = new StoreFixture();
  await fixture.load(await dockerArchive({ layers: [base], names: ['a:1'] }));
  const { id } = fixture.store.get('a:1');
  const inUse = (): { id: string; running: boolean } => ({ id: 'c'.repeat(64), running: false });
  await assert.rejects(fixture.store.remove('a:1', { ...options, inUse }), {
    code: 'conflict',
    message: /must force/,
  });
  assert.deepEqual(await fixture.store.remove('a:1', { ...options, inUse, force: true }), [{ Untagged: 'a:1' }, { Deleted: id }]);
  assert.deepEqual(fixture.store.list({ all: true, filters: {} }), []);
  assert.equal(fixture.store.find('a:1'), undefined);
  await assert.rejects(fixture.store.remove(id, options), { code: 'not-found' });
  fixture.restart();
  const [path = ''] = fixture.store.layers(fixture.store.get(id));
  assert.ok(existsSync(path), 'its layers are there, after a restart too');
  await fixture.load(await dockerArchive({ layers: [app], names: ['b:1'] }));
  await fixture.store.remove('b:1', options);
  await assertEmpty(fixture);
});

test('start-up removes what a crash left, and keeps what is whole', async () => {
  await using fixture = new StoreFixture();
  await fixture.load(await dockerArchive({ layers: [base], names: ['a:1'] }));
  const images = join(fixture.root, 'images');
  mkdirSync(join(images, 'layers', 'f'.repeat(64), 'diff'), { recursive: true });
  mkdirSync(join(images, 'tmp', 'load-x', 'deep'), { recursive: true });
  writeFileSync(join(images, 'tars', 'e'.repeat(64)), '');
  writeFileSync(join(images, 'disks', `${'d'.repeat(64)}.erofs`), '');
  await fixture.restart().settled();
  assert.deepEqual(readdirSync(join(images, 'tmp')), []);
  assert.deepEqual(readdirSync(join(images, 'layers')), [hexOf(digestOf(base))]);
  assert.deepEqual(readdirSync(join(images, 'tars')), [hexOf(digestOf(base))]);
  assert.deepEqual(readdirSync(join(images, 'disks')), []);
  assert.equal(fixture.store.get('a:1').references.length, 1);
});

test('the same archive loaded many times at once is one image', async () => {
  await using fixture = new StoreFixture();
  const archive = await dockerArchive({ layers: [base, app, other], names: ['a:1'] });
  // Its second layer is one that no good archive brings: of a layer that is there already the bytes are not looked at.
  const bad = await dockerArchive({ layers: [base, other], stored: [base, app] });
  await Promise.all([
    ...Array.from({ length: 4 }, () => fixture.load(archive)),
    ...Array.from({ length: 3 }, () => assert.rejects(fixture.load(bad))),
  ]);
  assert.equal(fixture.database.all('SELECT * FROM layer').length, 3);
  for (const path of fixture.store.layers(fixture.store.get('a:1'))) assert.ok(existsSync(path));
  await fixture.store.remove('a:1', options);
  await assertEmpty(fixture);
});

test('who stops reading leaves nothing behind', async () => {
  await using fixture = new StoreFixture();
  const archive = await dockerArchive({ layers: [base, app], names: ['a:1'] });
  for await (const _ of fixture.store.load(Readable.from([archive]))) break;
  await fixture.store.settled();
  assert.deepEqual(readdirSync(join(fixture.root, 'images/tmp')), []);
  await fixture.load(archive);
  const stream = await fixture.store.save(['a:1']);
  stream.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await fixture.store.remove('a:1', options);
  await assertEmpty(fixture);
});

test('names are given and moved', async () => {
  await using fixture = new StoreFixture();
  await fixture.load(await dockerArchive({ layers: [base], names: ['a:1'] }));
  assert.deepEqual(fixture.store.tag('a:1', 'r.example:5000/b', '').references, ['a:1', 'r.example:5000/b:latest']);
  assert.throws(() => fixture.store.tag('a:1', 'B', 'x'), { code: 'invalid' });
  assert.throws(() => fixture.store.tag('z', 'b', 'x'), { code: 'not-found' });
});
