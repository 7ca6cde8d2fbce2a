/** The command `files`: what is below a root, and nothing else, whatever the links in it say. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmod, chown, link, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { agentPath } from './shim-fixture.ts';

const run = promisify(execFile);
const options = { timeout: 60_000, skip: process.getuid?.() === 0 ? false : 'needs root' };

interface Outcome {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

class Root implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<Root> {
    return new Root(await mkdtemp(join(tmpdir(), 'abode-files-')));
  }

  at(name: string): string {
    return join(this.path, name);
  }

  files(words: readonly string[], input: Buffer | string = ''): Promise<Outcome> {
    return new Promise((resolve) => {
      const child = spawn(agentPath, ['files', this.path, ...words], { stdio: 'pipe' });
      const out: Buffer[] = [];
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
      child.on('close', (code) => {
        resolve({ code: code ?? -1, stdout: Buffer.concat(out), stderr });
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true });
  }
}

/** What GNU tar says of an archive, a line for each member. */
async function listed(archive: Buffer): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-list-'));
  try {
    await writeFile(join(directory, 'a.tar'), archive);
    const { stdout } = await run('tar', ['--numeric-owner', '--full-time', '-tvf', join(directory, 'a.tar')], {
      env: { TZ: 'UTC0', PATH: process.env['PATH'] },
    });
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' '));
  } finally {
    await rm(directory, { recursive: true });
  }
}

const afterStat = (stdout: Buffer): Buffer => stdout.subarray(stdout.indexOf(0, stdout.indexOf(0) + 1) + 1);

test('an archive that tar reads: kinds, modes, owners, times, hard links, long and odd names', options, async () => {
  await using root = await Root.make();
  const long = 'n'.repeat(140);
  const time = new Date('2001-02-03T04:05:06Z');
  await mkdir(root.at('d/sub'), { recursive: true });
  await writeFile(root.at('d/file'), 'x'.repeat(1000));
  await link(root.at('d/file'), root.at('d/second'));
  await symlink('../far/away', root.at('d/link'));
  await symlink(long, root.at('d/longlink'));
  await writeFile(root.at(`d/${long}`), '');
  await writeFile(root.at('d/new\nline'), '');
  await run('mkfifo', [root.at('d/pipe')]);
  await run('mknod', [root.at('d/dev'), 'c', '7', '259']);
  await chown(root.at('d/file'), 3_000_000, 12);
  await chmod(root.at('d/file'), 0o4711);
  for (const name of ['file', 'sub', long, 'new\nline', 'pipe', 'dev']) await utimes(root.at(`d/${name}`), time, time);
  const { code, stdout, stderr } = await root.files(['get', '/d', 'renamed']);
  assert.deepEqual([code, stderr], [0, '']);
  const lines = await listed(afterStat(stdout));
  const at = ' 2001-02-03 04:05:06';
  assert.deepEqual(
    lines.filter((line) => line.includes('2001')),
    [
      `crw-r--r-- 0/0 7,259${at} renamed/dev`,
      `-rws--x--x 3000000/12 1000${at} renamed/file`,
      `-rw-r--r-- 0/0 0${at} renamed/new\\nline`,
      `-rw-r--r-- 0/0 0${at} renamed/${long}`,
      `prw-r--r-- 0/0 0${at} renamed/pipe`,
      `hrws--x--x 3000000/12 0${at} renamed/second link to renamed/file`,
      `drwxr-xr-x 0/0 0${at} renamed/sub/`,
    ],
  );
  assert.ok(lines.some((line) => line.endsWith(' renamed/link -> ../far/away')));
  assert.ok(lines.some((line) => line.endsWith(` renamed/longlink -> ${long}`)));
});

test('an archive comes back as it went', options, async () => {
  await using source = await Root.make();
  await using target = await Root.make();
  await mkdir(source.at('d/e'), { recursive: true });
  await writeFile(source.at('d/e/f'), Buffer.alloc(300_000, 7));
  await link(source.at('d/e/f'), source.at('d/g'));
  await symlink('/nowhere', source.at('d/h'));
  await chown(source.at('d/e'), 5, 6);
  await chmod(source.at('d/e'), 0o2770);
  await utimes(source.at('d/e'), 1, 2);
  await mkdir(target.at('in'));
  const archive = afterStat((await source.files(['get', '/d', 'd'])).stdout);
  assert.deepEqual(await target.files(['put', '/in'], archive), { code: 0, stdout: Buffer.alloc(0), stderr: '' });
  const { mode, uid, gid, mtimeMs } = await stat(target.at('in/d/e'));
  assert.deepEqual([mode & 0o7777, uid, gid, mtimeMs], [0o2770, 5, 6, 2000]);
  assert.ok((await readFile(target.at('in/d/e/f'))).equals(Buffer.alloc(300_000, 7)));
  assert.equal((await stat(target.at('in/d/g'))).ino, (await stat(target.at('in/d/e/f'))).ino);
  assert.ok((await lstat(target.at('in/d/h'))).isSymbolicLink());
});

test('what tar writes in each of its forms is unpacked', options, async () => {
  const long = `${'deep/'.repeat(30)}${'n'.repeat(120)}`;
  await using source = await Root.make();
  await mkdir(join(source.path, 'deep/'.repeat(30)), { recursive: true });
  await writeFile(source.at(long), 'far down');
  await symlink('t'.repeat(150), source.at('link'));
  for (const format of ['gnu', 'pax', 'oldgnu']) {
    await using target = await Root.make();
    const { stdout } = await run('tar', ['-C', source.path, `--format=${format}`, '-cf', '-', '.'], {
      encoding: 'buffer',
      maxBuffer: 1 << 24,
    });
    const { code, stderr } = await target.files(['put', '/'], stdout);
    assert.deepEqual([code, stderr], [0, ''], format);
    assert.equal(await readFile(target.at(long), 'utf8'), 'far down', format);
    assert.ok((await lstat(target.at('link'))).isSymbolicLink(), format);
  }
});

test('no link leads out, neither of what is read nor of where it is written', options, async () => {
  await using outside = await Root.make();
  await using root = await Root.make();
  await writeFile(outside.at('secret'), 'secret');
  await symlink(outside.path, root.at('abs'));
  await symlink(`${'../'.repeat(20)}${outside.path.slice(1)}`, root.at('up'));
  for (const path of ['/abs/secret', '/up/secret', `/../../..${outside.path}/secret`]) {
    const { code, stderr } = await root.files(['get', path, 'x']);
    assert.equal(code, 1, path);
    assert.match(stderr, /^not-found: /);
  }
  const archive = afterStat((await outside.files(['get', '/secret', 'stolen'])).stdout);
  for (const path of ['/abs', '/up']) assert.equal((await root.files(['put', path], archive)).code, 1, path);
  const { stdout: climbing } = await run('tar', ['-C', outside.path, '-P', '--transform', 's,^,../../,', '-cf', '-', 'secret'], {
    encoding: 'buffer',
  });
  await mkdir(root.at('d'));
  const climbed = await root.files(['put', '/d'], climbing);
  assert.deepEqual([climbed.code, climbed.stderr], [1, 'invalid: "../../secret" is outside of "/d/"\n']);
  assert.deepEqual((await readdir(outside.path)).toSorted(), ['secret']);
  // A link of the archive itself, then something through it.
  await using crafted = await Root.make();
  await symlink(outside.path, crafted.at('a'));
  const first = await run('tar', ['-C', crafted.path, '-cf', '-', 'a'], { encoding: 'buffer' });
  await rm(crafted.at('a'));
  await mkdir(crafted.at('a'));
  await writeFile(crafted.at('a/planted'), 'x');
  const second = await run('tar', ['-C', crafted.path, '-cf', '-', 'a/planted'], { encoding: 'buffer' });
  const joined = Buffer.concat([first.stdout.subarray(0, 512), second.stdout]);
  await root.files(['put', '/d'], joined);
  assert.deepEqual((await readdir(outside.path)).toSorted(), ['secret']);
});

test('a device in the tree is archived and never opened', options, async () => {
  await using root = await Root.make();
  await run('mknod', [root.at('zero'), 'c', '1', '5']);
  const { code, stdout } = await root.files(['get', '/zero', 'zero']);
  assert.equal(code, 0);
  assert.match((await listed(afterStat(stdout)))[0] ?? '', /^c/);
  assert.ok(stdout.length < 4096);
});

test('replacing: links and files give way, kinds are kept when asked', options, async () => {
  await using source = await Root.make();
  await writeFile(source.at('x'), 'file');
  await mkdir(source.at('y'));
  const file = afterStat((await source.files(['get', '/x', 'x'])).stdout);
  const directory = afterStat((await source.files(['get', '/y', 'x'])).stdout);
  await using target = await Root.make();
  await symlink('elsewhere', target.at('x'));
  assert.equal((await target.files(['put', '/'], file)).code, 0);
  assert.equal(await readFile(target.at('x'), 'utf8'), 'file');
  const kept = await target.files(['put', '/', '--keep-kinds'], directory);
  assert.deepEqual([kept.code, kept.stderr], [1, 'invalid: cannot overwrite non-directory "/x" with directory "/"\n']);
  assert.equal((await target.files(['put', '/'], directory)).code, 0);
  await writeFile(target.at('x/inside'), '');
  const other = await target.files(['put', '/', '--keep-kinds'], file);
  assert.deepEqual([other.code, other.stderr], [1, 'invalid: cannot overwrite directory "/x" with non-directory "/"\n']);
  assert.equal((await target.files(['put', '/'], file)).code, 0);
  assert.ok((await stat(target.at('x'))).isFile());
});

test('archives that are none, or end too early, are told', options, async () => {
  await using source = await Root.make();
  await writeFile(source.at('f'), Buffer.alloc(5000, 1));
  const whole = afterStat((await source.files(['get', '/f', 'f'])).stdout);
  await using target = await Root.make();
  const outcome = async (input: Buffer): Promise<[number, string]> => {
    const { code, stderr } = await target.files(['put', '/'], input);
    return [code, stderr];
  };
  assert.deepEqual(await outcome(Buffer.alloc(0)), [0, '']);
  assert.deepEqual(await outcome(whole.subarray(0, 300)), [1, 'invalid: unexpected EOF\n']);
  assert.deepEqual(await outcome(whole.subarray(0, 3000)), [1, 'invalid: unexpected EOF\n']);
  assert.deepEqual(await outcome(Buffer.alloc(2048, 'x')), [1, 'invalid: archive/tar: invalid tar header\n']);
  const sparse = await run('tar', ['-C', source.path, '--format=pax', '--sparse', '-cf', '-', 'f'], { encoding: 'buffer' });
  assert.equal((await outcome(sparse.stdout))[0], 0, 'not sparse after all');
  await run('truncate', ['-s', '10M', source.at('holes')]);
  const holes = await run('tar', ['-C', source.path, '--format=pax', '--sparse', '-cf', '-', 'holes'], { encoding: 'buffer' });
  assert.match((await outcome(holes.stdout))[1], /sparse files are not supported/);
});

test('changes: added, changed, deleted, what a replaced directory hides', options, async () => {
  await using lower = await Root.make();
  await using upper = await Root.make();
  for (const name of ['same', 'dir', 'dir/deep', 'hidden', 'kept']) await mkdir(lower.at(name));
  for (const name of ['gone', 'touched', 'dir/file', 'hidden/old', 'hidden/both']) await writeFile(lower.at(name), 'old');
  await mkdir(upper.at('dir'));
  await mkdir(upper.at('same'));
  await mkdir(upper.at('hidden'));
  await mkdir(upper.at('kept'));
  await chmod(upper.at('kept'), 0o700);
  await writeFile(upper.at('touched'), 'new');
  // The clock of files is coarse: both could have been written at one time.
  await utimes(upper.at('touched'), 1, 1);
  await writeFile(upper.at('dir/new'), '');
  await writeFile(upper.at('hidden/both'), 'new!');
  await run('mknod', [upper.at('gone'), 'c', '0', '0']);
  await run('mknod', [upper.at('never'), 'c', '0', '0']);
  // setxattr(2), by its number on x86-64.
  await run('perl', [
    '-e',
    'my ($p, $n, $v) = ($ARGV[0], "trusted.overlay.opaque", "y"); syscall(188, $p, $n, $v, 1, 0) == 0 or die',
    upper.at('hidden'),
  ]);
  const { code, stdout, stderr } = await upper.files(['changes', lower.path]);
  assert.deepEqual([code, stderr], [0, '']);
  assert.deepEqual(stdout.toString().split('\0').slice(0, -1), [
    'C /dir',
    'A /dir/new',
    'D /gone',
    'C /hidden',
    'D /hidden/old',
    'C /hidden/both',
    'C /kept',
    'C /touched',
  ]);
});

test('usage counts each file once', options, async () => {
  await using root = await Root.make();
  await mkdir(root.at('d'));
  await writeFile(root.at('d/a'), Buffer.alloc(1000));
  await writeFile(root.at('b'), Buffer.alloc(234));
  await link(root.at('d/a'), root.at('again'));
  assert.equal((await root.files(['usage'])).stdout.toString(), '1234\n');
});

test('a stat tells where a link leads in the end, there or not', options, async () => {
  await using root = await Root.make();
  await mkdir(root.at('real/deep'), { recursive: true });
  await symlink('/real', root.at('dir'));
  await symlink('dir/deep/../none/there', root.at('link'));
  await symlink('loop', root.at('loop'));
  const said = async (path: string): Promise<string[]> => (await root.files(['stat', path])).stdout.toString().split('\0');
  const [facts = '', target] = await said('/link');
  assert.equal(Number(facts.split(' ')[0]) & 0o170000, 0o120000);
  assert.equal(target, '/real/none/there');
  assert.equal((await said('/dir/'))[1], '', 'followed: no link any more');
  assert.match((await root.files(['stat', '/loop'])).stderr, /^invalid: /);
  assert.match((await root.files(['stat', '/real/deep/none'])).stderr, /^not-found: /);
});
