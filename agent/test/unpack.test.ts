import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { directory, type Entry, file, hardLink, layer, LayerFixture, link } from './layer-fixture.ts';
import { PATIENCE_MS } from './exit.ts';
import { agentPath } from './shim-fixture.ts';

const options = { timeout: 2 * PATIENCE_MS, skip: process.getuid?.() === 0 ? false : 'needs root' };

/** Nothing but what was there before is beside the layer, and it is as it was. */
async function assertUntouched(fixture: LayerFixture): Promise<void> {
  assert.deepEqual((await readdir(fixture.path('outside'))).toSorted(), ['secret', 'sub']);
  assert.equal(await readFile(fixture.path('outside/secret'), 'utf8'), 'secret');
  assert.equal((await stat(fixture.path('outside/secret'))).nlink, 1);
  assert.equal((await stat(fixture.path('outside'))).mode & 0o7777, 0o755);
  assert.deepEqual(await readdir(fixture.path('outside/sub')), []);
  assert.deepEqual((await readdir(fixture.directory)).toSorted(), ['layer', 'outside']);
}

async function withOutside(): Promise<LayerFixture> {
  const fixture = await LayerFixture.make();
  await mkdir(fixture.path('outside/sub'), { recursive: true });
  await writeFile(fixture.path('outside/secret'), 'secret');
  return fixture;
}

test('owners, modes, times, links and special files are as in the archive', options, async () => {
  await using fixture = await LayerFixture.make();
  const mtime = new Date('2001-02-03T04:05:06Z');
  const root = await fixture.unpack('layer', [
    { name: 'bin', type: 'directory', mode: 0o1777, mtime },
    { name: 'bin/su', content: 'su', mode: 0o4755, uid: 12345, gid: 54321, mtime },
    { name: 'closed', type: 'directory', mode: 0o001, mtime },
    { name: 'closed/absolute', type: 'symlink', linkname: '/bin/su' },
    { name: 'closed/inner', content: 'in', mode: 0o600, mtime },
    { name: 'absolute', type: 'symlink', linkname: '/bin/su', uid: 7 },
    link('relative', '../../bin/su'),
    hardLink('same', 'bin/su'),
    { name: 'null', type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 },
    { name: 'disk', type: 'block-device', devmajor: 8, devminor: 0, mode: 0o660 },
    { name: 'pipe', type: 'fifo' },
  ]);
  const su = await lstat(`${root}/bin/su`);
  assert.deepEqual([su.mode & 0o7777, su.uid, su.gid, su.nlink, su.mtimeMs], [0o4755, 12345, 54321, 2, mtime.getTime()]);
  const bin = await lstat(`${root}/bin`);
  assert.deepEqual([bin.mode & 0o7777, bin.mtimeMs], [0o1777, mtime.getTime()]);
  const closed = await lstat(`${root}/closed`);
  assert.deepEqual([closed.mode & 0o7777, closed.mtimeMs], [0o001, mtime.getTime()]);
  assert.equal(await readFile(`${root}/closed/inner`, 'utf8'), 'in');
  assert.equal(await readlink(`${root}/absolute`), '/bin/su');
  assert.equal((await lstat(`${root}/absolute`)).uid, 7);
  assert.equal(await readlink(`${root}/relative`), '../../bin/su');
  const disk = await lstat(`${root}/disk`);
  assert.ok(disk.isBlockDevice() && disk.rdev === 0x800);
  assert.ok((await lstat(`${root}/null`)).isCharacterDevice() && (await lstat(`${root}/pipe`)).isFIFO());
});

test('whiteouts hide what is below them, and nothing of their own layer', options, async () => {
  await using fixture = await LayerFixture.make();
  await fixture.unpack(
    'below',
    ['gone/a', 'kept/a', 'file', 'opaque/old', 'opaque/sub/old', 'both/old', 'over', 'z'].map((name) => file(name)),
  );
  await fixture.unpack('layer', [
    file('.wh.gone', ''),
    file('kept/.wh.a', ''),
    file('kept/b'),
    file('.wh.file', ''),
    directory('opaque'),
    file('opaque/.wh..wh..opq', ''),
    file('opaque/new'),
    file('.wh.both', ''),
    directory('both'),
    file('both/new'),
    file('.wh.over', ''),
    file('over', 'new'),
  ]);
  assert.deepEqual(await fixture.overlay('layer', 'below'), [
    './both',
    './both/new',
    './kept',
    './kept/b',
    './opaque',
    './opaque/new',
    './over',
    './z',
  ]);
});

test('converting whiteouts leaves the times of directories alone', options, async () => {
  await using fixture = await LayerFixture.make();
  const mtime = new Date('2001-02-03T04:05:06Z');
  const root = await fixture.unpack('layer', [
    { name: 'd', type: 'directory', mtime },
    file('d/.wh.gone', ''),
    { name: 'o', type: 'directory', mtime },
    file('o/.wh..wh..opq', ''),
  ]);
  for (const name of ['d', 'o']) assert.equal((await stat(`${root}/${name}`)).mtimeMs, mtime.getTime());
});

test("aufs's own files are left out", options, async () => {
  await using fixture = await LayerFixture.make();
  const root = await fixture.unpack('layer', [
    directory('.wh..wh.plnk'),
    file('.wh..wh.plnk/1.2'),
    file('.wh..wh.aufs', ''),
    directory('.wh..wh.orph'),
    hardLink('kept', '.wh..wh.plnk/1.2'),
  ]);
  assert.deepEqual(await readdir(root), ['kept']);
});

test('a whiteout of no name, or of a directory above, is refused', options, async () => {
  for (const name of ['.wh.', '.wh..', '.wh...', 'd/.wh...']) {
    await using fixture = await withOutside();
    const complaint = await fixture.complaint('layer', [directory('d'), file(name, ''), file('kept')]);
    assert.match(complaint, /^abode-agent: unpack: whiteout .*Invalid argument\n$/, name);
    await assertUntouched(fixture);
  }
});

test('file capabilities and user attributes are kept, what would steer the overlay is not', options, async () => {
  await using fixture = await LayerFixture.make();
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex').toString('latin1');
  await fixture.unpack('layer', [
    {
      ...file('a'),
      pax: {
        'SCHILY.xattr.user.note': 'x',
        'SCHILY.xattr.user.overlay.opaque': 'y',
        'SCHILY.xattr.trusted.overlay.redirect': '/etc',
      },
    },
    { ...directory('d'), pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y' } },
    { ...file('ping'), pax: { 'SCHILY.xattr.security.capability': capability } },
  ]);
  assert.deepEqual(await fixture.attributes('layer'), ['SCHILY.xattr.security.capability=\u0001', 'SCHILY.xattr.user.note=x']);
});

const hostile: ReadonlyArray<readonly [what: string, entries: (outside: string) => Entry[]]> = [
  ['a name that climbs', () => [file('kept'), file('../outside/evil')]],
  ['a name that climbs inside', () => [directory('d'), file('d/../../outside/evil')]],
  ['an absolute name', (outside) => [file(`${outside}/evil`)]],
  ['an absolute link and a file below it', (outside) => [link('out', outside), file('out/evil')]],
  ['a climbing link and a file below it', () => [link('out', '../outside'), file('out/evil')]],
  ['a link to the root and a file below it', (outside) => [link('out', '/'), file(`out${outside}/evil`)]],
  ['a link made of links', () => [directory('d'), link('d/up', '..'), link('out', 'd/up/../outside'), file('out/evil')]],
  ['a file over an absolute link', (outside) => [link('out', `${outside}/secret`), file('out', 'evil')]],
  ['a directory over an absolute link', (outside) => [link('out', outside), { ...directory('out'), mode: 0o777 }, file('out/evil')]],
  ['a hard link to an absolute name', (outside) => [hardLink('hard', `${outside}/secret`), file('hard', 'evil')]],
  ['a hard link that climbs', () => [hardLink('hard', '../outside/secret'), file('hard', 'evil')]],
  ['a hard link through a link', (outside) => [link('out', outside), hardLink('hard', 'out/secret'), file('hard', 'evil')]],
  [
    'a hard link to a link, written through',
    (outside) => [link('out', `${outside}/secret`), hardLink('hard', 'out'), file('hard', 'evil')],
  ],
  ['a whiteout below an absolute link', (outside) => [link('out', outside), file('out/.wh.secret', '')]],
  ['a whiteout below a climbing link', () => [link('out', '../outside'), file('out/.wh.secret', '')]],
  ['an opaque mark below a link', (outside) => [link('out', `${outside}/sub`), file('out/.wh..wh..opq', '')]],
  ['a whiteout that is a link', (outside) => [link('.wh.secret', `${outside}/secret`), link('.wh..wh..opq', outside)]],
  ['a whiteout of a link', (outside) => [link('out', outside), file('.wh.out', '')]],
  ['a device below a link', (outside) => [link('out', outside), { name: 'out/evil', type: 'character-device', devmajor: 1, devminor: 1 }]],
  ['modes through a link', (outside) => [link('out', outside), { name: 'out', type: 'directory', mode: 0o777, uid: 1 }]],
];

for (const [what, entries] of hostile) {
  test(`${what} leaves nothing outside`, options, async () => {
    await using fixture = await withOutside();
    const complaint = await fixture.complaint('layer', entries(fixture.path('outside')));
    assert.match(complaint, /^(?:abode-agent: unpack: .+\n)?$/, 'at most one line');
    await assertUntouched(fixture);
  });
}

test('names that are absolute are taken as below the root', options, async () => {
  await using fixture = await LayerFixture.make();
  const root = await fixture.unpack('layer', [file('/etc/motd', 'hello')]);
  assert.equal(await readFile(`${root}/etc/motd`, 'utf8'), 'hello');
});

test('a tree deeper than there are descriptors is read to its end', options, async () => {
  await using fixture = await LayerFixture.make();
  const deep = 'd/'.repeat(1900);
  await fixture.unpack('layer', [file(`${deep}.wh.gone`, ''), file(`${deep}kept`)]);
  const names = await readdir(`${fixture.path('layer')}/${deep}`);
  assert.deepEqual(names.toSorted(), ['gone', 'kept']);
});

test('many entries in one directory', options, async () => {
  await using fixture = await LayerFixture.make();
  const names = Array.from({ length: 500 }, (_, i) => `w${String(i)}`);
  const root = await fixture.unpack(
    'layer',
    names.map((name) => file(`.wh.${name}`, '')),
  );
  assert.deepEqual((await readdir(root)).toSorted(), names.toSorted());
  assert.ok((await lstat(`${root}/w499`)).isCharacterDevice());
});

test('what is no archive, or a part of one, is one clear line', options, async () => {
  await using fixture = await LayerFixture.make();
  const whole = await layer([file('a', 'x'.repeat(100_000))]);
  assert.match(
    await fixture.complaint('text', Buffer.alloc(10_000, 'no archive ')),
    /^abode-agent: unpack: This does not look like a tar archive\n$/,
  );
  assert.match(await fixture.complaint('cut', whole.subarray(0, 50_000)), /^abode-agent: unpack: Unexpected EOF in archive\n$/);
  assert.match(await fixture.complaint('compressed', gzipSync(whole)), /^abode-agent: unpack: .+\n$/);
  const missing = spawnSync(agentPath, ['unpack', fixture.path('missing')], { input: whole });
  assert.equal(missing.status, 1);
  assert.match(String(missing.stderr), /^abode-agent: unpack: .*missing: No such file or directory\n$/);
});

test('all of the input is read, whatever follows the archive', options, async () => {
  await using fixture = await LayerFixture.make();
  const archive = Buffer.concat([await layer([file('a')]), Buffer.alloc(5_000_000)]);
  const root = await fixture.unpack('layer', archive);
  assert.deepEqual(await readdir(root), ['a']);
});

test('an empty layer is a layer', options, async () => {
  await using fixture = await LayerFixture.make();
  assert.deepEqual(await readdir(await fixture.unpack('layer', await layer([]))), []);
  assert.deepEqual(await readdir(await fixture.unpack('zeros', Buffer.alloc(1024))), []);
});

test('no mount is left in the namespace of the caller', options, async () => {
  await using fixture = await LayerFixture.make();
  await fixture.unpack('layer', [file('a')]);
  assert.ok(!(await readFile('/proc/self/mountinfo', 'utf8')).includes(fixture.directory));
});
