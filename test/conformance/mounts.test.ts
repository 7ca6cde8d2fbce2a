/** Directories of the host and volumes in a container. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { conformance, type Subject } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

const host = mkdtempSync(join(tmpdir(), 'abode-mounts-'));
after(() => {
  rmSync(host, { recursive: true, force: true });
});

/** A directory of the host for one test. */
function directory(subject: Subject, files: Readonly<Record<string, string>> = {}): string {
  const path = join(host, subject.name);
  mkdirSync(path, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

async function volumes(subject: Subject): Promise<string[]> {
  return (await subject.daemon.docker('volume', 'ls', '-q')).split('\n').filter((name) => name !== '');
}

behaviour('a directory of the host is seen on both sides, with owners and modes', async (subject) => {
  const path = directory(subject, { there: 'from the host' });
  const script = 'cat /data/there; echo made > /data/made; chown 5:6 /data/made; chmod 640 /data/made; mkdir -m 700 /data/d';
  assert.equal(await subject.output(['-v', `${path}:/data`], 'sh', '-c', script), 'from the host');
  const { uid, gid, mode } = statSync(join(path, 'made'));
  assert.deepEqual([uid, gid, mode & 0o7777, readFileSync(join(path, 'made'), 'utf8')], [5, 6, 0o640, 'made\n']);
  assert.equal(statSync(join(path, 'd')).mode & 0o7777, 0o700);
});

behaviour('a read-only mount refuses writes', async (subject) => {
  const path = directory(subject, { there: 'kept' });
  for (const options of [
    ['-v', `${path}:/data:ro`],
    ['--mount', `type=bind,source=${path},target=/data,readonly`],
  ]) {
    const { code, stderr } = await subject.run(options, 'sh', '-c', 'echo x > /data/there');
    assert.match(stderr, /Read-only file system/);
    assert.equal(code, 1);
  }
  assert.equal(readFileSync(join(path, 'there'), 'utf8'), 'kept');
});

behaviour('a single file can be mounted, over what the engine puts there too', async (subject) => {
  const path = directory(subject, { hosts: 'mine\n' });
  assert.equal(await subject.output(['-v', `${path}/hosts:/etc/hosts:ro`], 'cat', '/etc/hosts'), 'mine');
});

behaviour('deeper mounts lie on those above them, whatever the order of the request', async (subject) => {
  const path = directory(subject, { outer: '' });
  const script = 'ls /a /a/b; echo x > /a/t/x; ls /a/t';
  const output = await subject.output(
    ['--tmpfs', '/a/t', '-v', `${subject.name}:/a/b`, '-v', `${path}:/a`],
    'sh',
    '-c',
    `${script}; touch /a/b/inner; ls /a/b`,
  );
  assert.match(output, /\/a:\nb\nouter\nt\n/);
  assert.match(output, /x\ninner$/);
  assert.deepEqual(readdirSync(join(path, 't')), []);
  await subject.daemon.docker('volume', 'rm', subject.name);
});

behaviour('what -v names and is not there becomes a directory; --mount refuses', async (subject) => {
  const path = join(directory(subject), 'new', 'deep');
  await subject.output(['-v', `${path}:/data`], 'touch', '/data/x');
  assert.deepEqual(readdirSync(path), ['x']);
  const { code, stderr } = await subject.run(['--mount', `type=bind,source=${path}/no,target=/data`], 'true');
  assert.match(stderr, new RegExp(`invalid mount config for type "bind": bind source path does not exist: ${path}/no`));
  assert.equal(code, 125);
});

behaviour('a named volume keeps what it holds from one container to the next', async (subject) => {
  const volume = subject.name;
  await subject.output(['-v', `${volume}:/data`], 'sh', '-c', 'echo kept > /data/f');
  assert.equal(await subject.output(['-v', `${volume}:/other:ro`], 'cat', '/other/f'), 'kept');
  await subject.create(['-v', `${volume}:/data`], 'true');
  const { code, stderr } = await subject.docker('volume', 'rm', volume);
  assert.match(stderr, new RegExp(`remove ${volume}: volume is in use - \\[[0-9a-f]{64}\\]`));
  assert.equal(code, 1);
  await subject.docker('rm', '-v', subject.name);
  assert.deepEqual(await volumes(subject), [volume], 'rm -v leaves what has a name');
  await subject.daemon.docker('volume', 'rm', volume);
});

behaviour(
  "an empty volume gets what the image has there, with nocopy it does not, and the image's own files stay hidden",
  async (subject) => {
    const list = ['sh', '-c', 'ls /etc | grep -c passwd'];
    const named = subject.name;
    assert.equal(await subject.output(['-v', `${named}:/etc`], ...list), '1');
    assert.equal((await subject.run(['-v', `${named}-no:/etc:nocopy`], ...list)).stdout, '0\n');
    assert.equal((await subject.run(['--mount', `source=${named}-two,target=/etc,volume-nocopy`], ...list)).stdout, '0\n');
    await subject.daemon.docker('volume', 'rm', named, `${named}-no`, `${named}-two`);
  },
);

behaviour('anonymous volumes go with --rm and rm -v, and stay otherwise', async (subject) => {
  await subject.output(['-v', '/data'], 'touch', '/data/x');
  assert.deepEqual(await volumes(subject), []);
  await subject.create(['-v', '/data'], 'true');
  const [name = ''] = await volumes(subject);
  assert.match(name, /^[0-9a-f]{64}$/);
  await subject.daemon.docker('rm', '-v', subject.name);
  assert.deepEqual(await volumes(subject), []);
  await subject.create(['-v', '/data'], 'true');
  await subject.daemon.docker('rm', subject.name);
  assert.equal((await volumes(subject)).length, 1);
  await subject.daemon.docker('volume', 'prune', '-f');
  assert.deepEqual(await volumes(subject), []);
});

behaviour('--volumes-from gives the volumes of another container, read-only when asked', async (subject) => {
  await subject.background(['-v', '/data', '-v', `${directory(subject)}:/host`], 'sh', '-c', 'echo from > /data/f; sleep 1000');
  const from = (mode: string): string[] => ['--volumes-from', `${subject.name}${mode}`];
  assert.equal(
    await subject.output(from(''), 'sh', '-c', 'while ! test -s /data/f; do sleep 0.1; done; cat /data/f; touch /host/x'),
    'from',
  );
  const { stderr } = await subject.run(from(':ro'), 'touch', '/data/y', '/host/y');
  assert.equal(stderr.match(/Read-only file system/g)?.length, 2, stderr);
  assert.equal((await volumes(subject)).length, 1, 'what another container has is not removed with --rm');
  await subject.daemon.docker('rm', '-fv', subject.name);
});

behaviour('a part of a volume can be mounted, and nothing outside of it', async (subject) => {
  const volume = subject.name;
  const part = (path: string): string[] => ['--mount', `source=${volume},target=/part,volume-subpath=${path}`];
  await subject.output(['-v', `${volume}:/v`], 'sh', '-c', 'mkdir -p /v/a/b; echo in > /v/a/b/f; ln -s /etc /v/out; ln -s a/b /v/in');
  assert.equal(await subject.output(part('a/b'), 'cat', '/part/f'), 'in');
  assert.equal(await subject.output(part('in'), 'cat', '/part/f'), 'in');
  assert.equal(await subject.output(part('a/b/f'), 'cat', '/part'), 'in');
  assert.match((await subject.run(part('out'), 'true')).stderr, /path concatenation escapes the base directory/);
  assert.match((await subject.run(part('../..'), 'true')).stderr, /subpath must be a relative path within the volume/);
  assert.match((await subject.run(part('nosuch'), 'true')).stderr, /cannot access path nosuch/);
  await subject.daemon.docker('volume', 'rm', volume);
});

behaviour('mounts are still there after a restart', async (subject) => {
  const script = 'echo x >> /data/n; echo x >> /host/n; echo lines: $(cat /data/n /host/n | wc -l); exec sleep 1000';
  await subject.background(['-v', '/data', '-v', `${directory(subject)}:/host`], 'sh', '-c', script);
  await subject.logged('lines: 2');
  await subject.daemon.docker('restart', '-t', '0', subject.name);
  await subject.logged('lines: 4');
  await subject.daemon.docker('rm', '-fv', subject.name);
});

behaviour('--mount type=tmpfs has its size and mode', async (subject) => {
  const output = await subject.output(
    ['--mount', 'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770'],
    'sh',
    '-c',
    'stat -c %a /t; grep " /t " /proc/mounts; dd if=/dev/zero of=/t/f bs=1M count=2 2>&1 | grep -c "No space"',
  );
  assert.match(output, /^1770\n[^]*size=1024k[^]*\n1$/);
});

behaviour(
  'mounts that the host is to see of a VM are refused, and why',
  async (subject) => {
    const { code, stderr } = await subject.run(['-v', `${directory(subject)}:/data:rshared`], 'true');
    assert.match(stderr, /propagation rshared of .* is not possible in a VM/);
    assert.equal(code, 125);
  },
  ['vm', 'hybrid'],
);

behaviour('what the host mounts below a directory later is seen with rslave, where the host shares it', async (subject) => {
  const path = directory(subject);
  const mounted = (command: string, ...args: string[]): void => {
    execFileSync(command, args);
  };
  mounted('mount', '-t', 'tmpfs', 'outer', path);
  try {
    mounted('mount', '--make-shared', path);
    mkdirSync(join(path, 'follows'));
    await subject.background(['-v', `${path}:/data:rslave`], 'sleep', '1000');
    mounted('mount', '-t', 'tmpfs', 'inner', join(path, 'follows'));
    writeFileSync(join(path, 'follows', 'late'), 'x');
    assert.equal((await subject.exec([], 'ls', '/data/follows')).stdout, 'late\n');
    await subject.daemon.docker('rm', '-f', subject.name);
  } finally {
    mounted('umount', '-R', '-l', path);
  }
});
