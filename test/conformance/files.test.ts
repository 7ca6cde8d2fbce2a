/** What is in a container, from outside: cp, diff, export; while it runs, before, and after. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { conformance, type Subject } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

async function scratch(subject: Subject): Promise<string> {
  return mkdtemp(join(subject.daemon.directory, 'cp-'));
}

/** Names, kinds and contents of what was copied out. */
async function archived(subject: Subject, path: string): Promise<string[]> {
  const directory = await scratch(subject);
  const copied = await subject.docker('cp', `${subject.name}:${path}`, join(directory, 'out'));
  assert.equal(copied.code, 0, copied.stderr);
  const entries = await readdir(join(directory, 'out'), { recursive: true, withFileTypes: true });
  return entries.map((entry) => `${entry.isDirectory() ? 'd' : entry.isSymbolicLink() ? 'l' : 'f'} ${entry.name}`).toSorted();
}

async function atRest(subject: Subject): Promise<void> {
  await subject.daemon.docker('stop', '-t', '0', subject.name);
}

behaviour('cp out of a container that runs, and of the same when it does not', async (subject) => {
  const script =
    'mkdir -p /d/sub; echo content > /d/file; chown 12:34 /d/file; chmod 4751 /d/file; ln -s file /d/link; echo ready; sleep 1000';
  await subject.background([], 'sh', '-c', script);
  await subject.logged('ready');
  for (const moment of ['running', 'stopped']) {
    if (moment === 'stopped') await atRest(subject);
    assert.deepEqual(await archived(subject, '/d'), ['d sub', 'f file', 'l link'], moment);
    const directory = await scratch(subject);
    const tar = (await subject.docker('cp', `${subject.name}:/d/file`, '-')).stdout;
    const field = (at: number): number => Number.parseInt(tar.slice(at, at + 7), 8);
    assert.deepEqual([field(100).toString(8), field(108), field(116), tar.slice(512, 520)], ['4751', 12, 34, 'content\n'], moment);
    // Without -L the link itself, with it what it leads to.
    await subject.daemon.docker('cp', `${subject.name}:/d/link`, join(directory, 'link'));
    assert.equal(await readlink(join(directory, 'link')), 'file');
    await subject.daemon.docker('cp', '-L', `${subject.name}:/d/link`, join(directory, 'followed'));
    assert.equal(await readFile(join(directory, 'followed'), 'utf8'), 'content\n');
  }
});

behaviour('cp into a container that runs, into the same at rest, and what it finds when it is started again', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const source = await scratch(subject);
  await mkdir(join(source, 'tree/deep'), { recursive: true });
  await writeFile(join(source, 'tree/deep/file'), 'first\n', { mode: 0o640 });
  await symlink('deep/file', join(source, 'tree/link'));
  await subject.daemon.docker('cp', join(source, 'tree'), `${subject.name}:/tmp/`);
  assert.equal((await subject.exec([], 'cat', '/tmp/tree/link')).stdout, 'first\n');
  assert.equal((await subject.exec([], 'stat', '-c', '%a %u %g', '/tmp/tree/deep/file')).stdout, '640 0 0\n');
  await atRest(subject);
  await writeFile(join(source, 'second'), 'second\n');
  await subject.daemon.docker('cp', join(source, 'second'), `${subject.name}:/tmp/tree/deep/file`);
  await subject.daemon.docker('start', subject.name);
  assert.equal((await subject.exec([], 'cat', '/tmp/tree/link')).stdout, 'second\n');
});

behaviour('cp into a container that was only created: its first start finds the file', async (subject) => {
  await subject.create([], 'cat', '/given/file');
  const source = await scratch(subject);
  await mkdir(join(source, 'given'));
  await writeFile(join(source, 'given/file'), 'early\n');
  await subject.daemon.docker('cp', join(source, 'given'), `${subject.name}:/tmp/..//`);
  const { code, stderr } = await subject.docker('cp', join(source, 'given'), `${subject.name}:/srv/given`);
  assert.equal(code, 1, 'there is no /srv');
  assert.match(stderr, /Could not find the file|no such directory|no such file/i);
  assert.deepEqual(await archived(subject, '/given'), ['f file']);
  assert.equal((await subject.docker('start', '-a', subject.name)).stdout, 'early\n');
});

behaviour('links lead nowhere but into the container', async (subject) => {
  const script =
    'ln -s /etc /abs; ln -s ../../../../../../etc /up; ln -s /tmp/../../../../../etc/passwd /file; ln -s /proc/1/root/etc /proclink; echo ready; sleep 1000';
  await subject.background([], 'sh', '-c', script);
  await subject.logged('ready');
  const own = (await subject.exec([], 'cat', '/etc/passwd')).stdout;
  assert.notEqual(own, await readFile('/etc/passwd', 'utf8'));
  const secret = join(await scratch(subject), 'new');
  await writeFile(secret, 'put\n');
  for (const moment of ['running', 'stopped']) {
    if (moment === 'stopped') await atRest(subject);
    for (const path of ['/abs/passwd', '/up/passwd', '/file']) {
      const target = join(await scratch(subject), 'out');
      await subject.daemon.docker('cp', '-L', `${subject.name}:${path}`, target);
      assert.equal(await readFile(target, 'utf8'), own, `${moment}: ${path}`);
    }
    // The kernel's own links lead out for who follows them: there are none to follow.
    const { code } = await subject.docker('cp', `${subject.name}:/proclink/passwd`, join(await scratch(subject), 'out'));
    assert.equal(code, 1, moment);
    await subject.daemon.docker('cp', secret, `${subject.name}:/up/put-by-link`);
    await assert.rejects(stat('/etc/put-by-link'), { code: 'ENOENT' });
    const target = join(await scratch(subject), 'out');
    await subject.daemon.docker('cp', `${subject.name}:/etc/put-by-link`, target);
    assert.equal(await readFile(target, 'utf8'), 'put\n');
  }
});

behaviour('an archive on stdin and stdout, and what cannot be', async (subject) => {
  await subject.background(['--user', '12:34'], 'sleep', '1000');
  const piped = await subject.docker('cp', `${subject.name}:/etc/passwd`, '-');
  assert.match(piped.stdout, /^passwd\0/);
  assert.ok(piped.stdout.includes('root:'));
  const missing = await subject.docker('cp', `${subject.name}:/no/such`, '-');
  assert.deepEqual(
    [missing.code, missing.stderr],
    [1, `Error response from daemon: Could not find the file /no/such in container ${subject.name}\n`],
  );
  const broken = await subject.daemon.run(['cp', '-', `${subject.name}:/tmp`], { input: 'this is no archive' });
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /unexpected EOF/);
  const file = await subject.daemon.run(['cp', '-', `${subject.name}:/etc/passwd`], { input: '' });
  assert.equal(file.code, 1);
  // -a gives all to the container's user.
  const source = await scratch(subject);
  await writeFile(join(source, 'mine'), 'x');
  await subject.daemon.docker('cp', '-a', join(source, 'mine'), `${subject.name}:/tmp/mine`);
  assert.equal((await subject.exec([], 'stat', '-c', '%u %g', '/tmp/mine')).stdout, '12 34\n');
});

behaviour('what has something mounted on it is not replaced', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const source = join(await scratch(subject), 'hosts');
  await writeFile(source, 'other\n');
  const { code, stderr } = await subject.docker('cp', source, `${subject.name}:/etc/hosts`);
  assert.equal(code, 1);
  assert.match(stderr, /busy/i);
  assert.notEqual((await subject.exec([], 'cat', '/etc/hosts')).stdout, 'other\n');
});

behaviour('a directory does not give way to a file, nor a file to a directory', async (subject) => {
  await subject.background([], 'sh', '-c', 'mkdir /tmp/x; echo > /tmp/y; sleep 1000');
  await subject.exec([], 'sh', '-c', 'until test -e /tmp/y; do sleep 0.1; done');
  const source = await scratch(subject);
  await mkdir(join(source, 'y'));
  const { code, stderr } = await subject.docker('cp', join(source, 'y'), `${subject.name}:/tmp`);
  assert.equal(code, 1);
  assert.match(stderr, /cannot overwrite non-directory "\/tmp\/y" with directory "\/tmp\/?"/);
});

behaviour('diff tells what was added, changed and deleted, and nothing of what every container is given', async (subject) => {
  const script =
    'mkdir /new /new/in; echo x > /new/in/file; echo more >> /etc/group; rm /etc/nsswitch.conf; rm -r /home; echo ready; sleep 1000';
  await subject.background(['--init'], 'sh', '-c', script);
  await subject.logged('ready');
  const expected = ['A /new', 'A /new/in', 'A /new/in/file', 'C /etc', 'C /etc/group', 'D /etc/nsswitch.conf', 'D /home'];
  const lines = async (): Promise<string[]> => (await subject.daemon.docker('diff', subject.name)).split('\n').toSorted();
  assert.deepEqual(await lines(), expected);
  await atRest(subject);
  assert.deepEqual(await lines(), expected);
});

behaviour('diff of a container that changed nothing is empty', async (subject) => {
  await subject.create([], 'true');
  assert.equal(await subject.daemon.docker('diff', subject.name), '');
  await subject.docker('start', '-a', subject.name);
  assert.equal(await subject.daemon.docker('diff', subject.name), '');
});

behaviour('export gives the root filesystem, which import takes', async (subject) => {
  await subject.background([], 'sh', '-c', 'echo exported > /mark; echo ready; sleep 1000');
  await subject.logged('ready');
  const directory = await scratch(subject);
  const image = `exported-${subject.name}:1`;
  for (const moment of ['running', 'stopped']) {
    if (moment === 'stopped') await atRest(subject);
    await subject.daemon.docker('export', '-o', join(directory, 'root.tar'), subject.name);
    await subject.daemon.docker('import', join(directory, 'root.tar'), image);
    const { stdout } = await subject.docker('run', '--rm', image, 'cat', '/mark');
    assert.equal(stdout, 'exported\n', moment);
    await subject.daemon.docker('rmi', image);
  }
  await rm(directory, { recursive: true });
});

behaviour('a paused container: its files, or why they cannot be had', async (subject) => {
  await subject.background([], 'sleep', '1000');
  await subject.daemon.docker('pause', subject.name);
  const { code, stderr } = await subject.docker('cp', `${subject.name}:/etc/passwd`, '-');
  if (subject.isolation.name === 'vm') {
    assert.equal(code, 1);
    assert.match(stderr, /is paused/);
  } else assert.deepEqual([code, stderr], [0, '']);
  await subject.daemon.docker('unpause', subject.name);
});

behaviour('cp sees what is mounted of the host, read-only as it is', async (subject) => {
  const host = await scratch(subject);
  await mkdir(join(host, 'shown'));
  await writeFile(join(host, 'shown/given'), 'given\n');
  await symlink('/etc/hostname', join(host, 'shown/out'));
  await subject.background(['-v', `${host}/shown:/shown`, '-v', `${host}/shown:/fixed:ro`, '-v', 'cp-volume:/volume'], 'sleep', '1000');
  const mine = join(host, 'mine');
  await writeFile(mine, 'mine\n');
  for (const moment of ['running', 'stopped']) {
    if (moment === 'stopped') await atRest(subject);
    await subject.daemon.docker('cp', mine, `${subject.name}:/shown/${moment}`);
    await subject.daemon.docker('cp', mine, `${subject.name}:/volume/${moment}`);
    assert.equal(await readFile(join(host, `shown/${moment}`), 'utf8'), 'mine\n');
    for (const path of ['/fixed/given', `/volume/${moment}`, `/shown/${moment}`]) {
      const target = join(await scratch(subject), 'out');
      await subject.daemon.docker('cp', `${subject.name}:${path}`, target);
      assert.equal(await readFile(target, 'utf8'), path === '/fixed/given' ? 'given\n' : 'mine\n', `${moment}: ${path}`);
    }
    const { code, stderr } = await subject.docker('cp', mine, `${subject.name}:/fixed/more`);
    assert.equal(code, 1, moment);
    assert.match(stderr, /mounted volume is marked read-only/);
    const target = join(await scratch(subject), 'out');
    const led = await subject.docker('cp', '-L', `${subject.name}:/shown/out`, target);
    if (led.code === 0) assert.notEqual(await readFile(target, 'utf8'), await readFile('/etc/hostname', 'utf8'), 'not the host’s');
  }
  await subject.daemon.docker('rm', '-f', subject.name);
  await subject.daemon.docker('volume', 'rm', 'cp-volume');
});
