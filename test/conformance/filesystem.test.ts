/** A container's file system. */
import assert from 'node:assert/strict';
import { conformance } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

behaviour('--read-only refuses writes, but not to /dev/shm and tmpfs', async (subject) => {
  const { code, stdout, stderr } = await subject.run(
    ['--read-only', '--tmpfs', '/t'],
    'sh',
    '-c',
    'echo a > /dev/shm/a && echo b > /t/b && cat /dev/shm/a /t/b; touch /etc/x',
  );
  assert.equal(stdout, 'a\nb\n');
  assert.match(stderr, /touch: \/etc\/x: Read-only file system/);
  assert.equal(code, 1);
});

behaviour("--tmpfs takes its options, and Docker's where none are given", async (subject) => {
  const output = await subject.output(
    ['--tmpfs', '/made/t:size=1m,mode=700,exec', '--tmpfs', '/plain'],
    'sh',
    '-c',
    'grep -E " /made/t | /plain " /proc/mounts; stat -c %a /made/t; dd if=/dev/zero of=/made/t/f bs=1M count=2 2>&1 | grep -c "No space"; cp /bin/busybox /plain/true; /plain/true; echo $?',
  );
  const lines = output.split('\n');
  const options = (path: string): string[] =>
    lines
      .find((line) => line.includes(` ${path} `))
      ?.split(' ')[3]
      ?.split(',') ?? [];
  for (const option of ['rw', 'nosuid', 'nodev', 'size=1024k', 'mode=700'])
    assert.ok(options('/made/t').includes(option), `${option} in ${output}`);
  assert.ok(!options('/made/t').includes('noexec'), output);
  for (const option of ['rw', 'nosuid', 'nodev', 'noexec']) assert.ok(options('/plain').includes(option), `${option} in ${output}`);
  assert.match(output, /\n700\n1\n/);
  assert.equal(lines.at(-1), '126');
});

behaviour('a tmpfs is empty at every start', async (subject) => {
  await subject.background(['--tmpfs', '/t'], 'sh', '-c', 'ls /t | wc -l; touch /t/x; exec sleep 1000');
  await subject.logged('0');
  await subject.daemon.docker('restart', '-t', '0', subject.name);
  await subject.logged('0');
  assert.doesNotMatch(await subject.daemon.docker('logs', subject.name), /1/);
});

behaviour("two containers of one image do not see each other's files", async (subject) => {
  await subject.background([], 'sh', '-c', 'echo mine > /etc/mine; echo up; sleep 1000');
  await subject.logged('up');
  assert.equal((await subject.run([], 'cat', '/etc/mine')).code, 1);
});

behaviour('owners, modes, links and devices can be made', async (subject) => {
  const script =
    'cd /tmp; touch f; chown 5:6 f; chmod 4711 f; ln f g; ln -s f s; mkfifo p; mknod n c 1 3; stat -c "%u:%g %a %h" f; stat -c %F s p n; rm -rf /tmp/*; ls /tmp | wc -l';
  assert.equal(await subject.output([], 'sh', '-c', script), '5:6 4711 2\nsymbolic link\nfifo\ncharacter special file\n0');
});

behaviour('a large file is written and read back', async (subject) => {
  const script =
    'dd if=/dev/urandom of=/big bs=1M count=24 2>/dev/null; sha256sum < /big; sync; echo 3 > /dev/null; sha256sum < /big; stat -c %s /big';
  const [first, second, size] = (await subject.output([], 'sh', '-c', script)).split('\n');
  assert.equal(first, second);
  assert.equal(size, String(24 << 20));
});

behaviour("the files of the engine are the container's to write", async (subject) => {
  assert.equal(
    await subject.output([], 'sh', '-c', 'echo 192.0.2.1 added >> /etc/hosts && grep -c added /etc/hosts; grep -c localhost /etc/hosts'),
    '1\n2',
  );
});
