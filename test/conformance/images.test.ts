/** Image commands through the real client, and what came in by them run in every isolation. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { conformance } from '../fixtures/conformance.ts';
import type { RobustDaemon } from '../fixtures/robust-daemon.ts';

const { behaviour, once } = conformance();

/** A root file system of the host's static busybox, as a tar. */
function rootArchive(daemon: RobustDaemon, greeting: string): string {
  const root = join(daemon.directory, `root-${greeting}`);
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'etc'));
  execFileSync('cp', [execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim(), join(root, 'bin/busybox')]);
  execFileSync('ln', ['-s', 'busybox', join(root, 'bin/sh')]);
  execFileSync('ln', ['-s', 'busybox', join(root, 'bin/cat')]);
  writeFileSync(join(root, 'etc/greeting'), `${greeting}\n`);
  const archive = `${root}.tar`;
  execFileSync('tar', ['-C', root, '--numeric-owner', '--owner=0', '--group=0', '-cf', archive, '.']);
  return archive;
}

behaviour('an imported image runs, with the changes asked for', async (subject) => {
  const { daemon, isolation, name } = subject;
  const reference = `imported:${name}`;
  const id = await daemon.docker(
    'import',
    '--change',
    'CMD ["cat", "/etc/greeting"]',
    '--change',
    'ENV PATH=/bin',
    '--change',
    'USER 7:8',
    rootArchive(daemon, name),
    reference,
  );
  assert.match(id, /^sha256:[0-9a-f]{64}$/);
  assert.equal(await daemon.docker('run', '--rm', ...isolation.options, reference), name);
  assert.equal(await daemon.docker('run', '--rm', ...isolation.options, reference, 'sh', '-c', 'busybox id -u; busybox id -g'), '7\n8');
  assert.match(await daemon.docker('rmi', reference), new RegExp(`Untagged: ${reference}\\nDeleted: ${id}`));
});

behaviour('save and load bring the same image back', async (subject) => {
  const { daemon, isolation, name } = subject;
  const reference = `saved:${name}`;
  const id = await daemon.docker('import', '--change', 'ENTRYPOINT ["/bin/cat", "/etc/greeting"]', rootArchive(daemon, name), reference);
  const archive = join(daemon.directory, `${name}.tar`);
  await daemon.docker('save', '-o', archive, reference);
  await daemon.docker('rmi', reference);
  assert.equal((await daemon.run(['inspect', '--type', 'image', reference])).code, 1);
  assert.equal(await daemon.docker('load', '-i', archive), `Loaded image: ${reference}`);
  assert.equal(await daemon.docker('inspect', '-f', '{{.Id}}', reference), id);
  assert.equal(await daemon.docker('run', '--rm', ...isolation.options, reference), name);
  await daemon.docker('rmi', reference);
});

behaviour('an image that a container uses stays', async (subject) => {
  const reference = `used:${subject.name}`;
  await subject.daemon.docker(
    'import',
    '--change',
    'CMD ["/bin/cat", "/etc/greeting"]',
    rootArchive(subject.daemon, subject.name),
    reference,
  );
  const container = await subject.daemon.docker('create', ...subject.isolation.options, reference);
  const { code, stderr } = await subject.docker('rmi', reference);
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(
      `unable to remove repository reference "${reference}" \\(must force\\) - container ${container.slice(0, 12)} is using its referenced image [0-9a-f]{12}`,
    ),
  );
  await subject.daemon.docker('rm', container);
  await subject.daemon.docker('rmi', reference);
});

once('tag, list by name, and untag', async (daemon) => {
  await daemon.docker('tag', 'abode/base', 'mine:one');
  await daemon.docker('tag', 'mine:one', 'mine:two');
  assert.deepEqual((await daemon.docker('images', 'mine', '--format', '{{.Repository}}:{{.Tag}}')).split('\n').toSorted(), [
    'mine:one',
    'mine:two',
  ]);
  const ids = await daemon.docker('images', '-q', '--no-trunc');
  assert.equal(new Set(ids.split('\n')).size, 1);
  assert.equal(await daemon.docker('rmi', 'mine:one'), 'Untagged: mine:one');
  await daemon.docker('rmi', 'mine:two');
  assert.equal(await daemon.docker('run', '--rm', 'abode/base', 'echo', 'still here'), 'still here');
});

once('load of what is no archive, and of half an archive, is refused and leaves nothing', async (daemon) => {
  const images = await daemon.docker('images', '-aq');
  const nonsense = join(daemon.directory, 'nonsense.tar');
  writeFileSync(nonsense, Buffer.alloc(20_000, 'nonsense '));
  const broken = await daemon.run(['load', '-i', nonsense]);
  assert.equal(broken.code, 1);
  assert.notEqual(broken.stderr, '');
  const archive = join(daemon.directory, 'whole.tar');
  await daemon.docker('save', '-o', archive, 'abode/base');
  const half = join(daemon.directory, 'half.tar');
  writeFileSync(half, readFileSync(archive).subarray(0, 700_000));
  const cut = await daemon.run(['load', '-i', half]);
  assert.equal(cut.code, 1);
  assert.match(cut.stderr, /unexpected EOF/);
  assert.equal(await daemon.docker('images', '-aq'), images);
  assert.equal(await daemon.docker('run', '--rm', 'abode/base', 'echo', 'still here'), 'still here');
});

once('images that are not there', async (daemon) => {
  for (const args of [
    ['rmi', 'no/such:1'],
    ['tag', 'no/such:1', 'a:b'],
    ['history', 'no/such:1'],
    ['save', '-o', join(daemon.directory, 'x.tar'), 'no/such:1'],
  ]) {
    const { code, stderr } = await daemon.run(args);
    assert.equal(code, 1, args.join(' '));
    assert.match(stderr, /Error response from daemon: .*No such image: no\/such:1/, args.join(' '));
  }
});

once('names that are none', async (daemon) => {
  const { code, stderr } = await daemon.run(['tag', 'abode/base', 'UPPER:x']);
  assert.equal(code, 1);
  assert.match(stderr, /repository name \(?.*must be lowercase|invalid reference format/);
});
