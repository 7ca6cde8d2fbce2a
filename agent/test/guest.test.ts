import assert from 'node:assert/strict';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { bindField, FieldsBuilder, rlimitField, Tag } from '../../src/agent-client/fields.ts';
import { FrameType, STDIN } from '../../src/agent-client/frame.ts';
import { missing } from './crun-fixture.ts';
import { GuestFixture } from './guest-fixture.ts';
import { PATIENCE_MS } from './exit.ts';
import { refused, STDIN_OPEN, TERMINAL, until } from './shim-fixture.ts';

const options = { timeout: 2 * PATIENCE_MS, skip: missing() };

test('a container: process 1 of its own namespaces, its streams and status', options, async () => {
  await using guest = await GuestFixture.start();
  const result = await guest.shell('echo $$; hostname; pwd; echo "$HOME"; echo err >&2; exit 3', [[Tag.HOSTNAME, 'inside']]);
  assert.deepEqual(result, {
    exitCode: 3,
    signal: 0,
    oom: 0,
    stdout: '1\ninside\n/\n/\n',
    stderr: 'err\n',
  });
});

test('commands that cannot be executed, in the words of runc', options, async () => {
  await using guest = await GuestFixture.start();
  await writeFile(`${guest.root}/bin/text`, 'no program');
  await writeFile(`${guest.root}/bin/closed`, '#!/bin/sh\n');
  await chmod(`${guest.root}/bin/text`, 0o755);
  await refused(guest.run(['nothing']), 'not-found', /^exec: "nothing": executable file not found in \$PATH$/);
  await refused(guest.run(['/bin/nothing']), 'not-found', /^exec: "\/bin\/nothing": stat \/bin\/nothing: no such file or directory$/);
  await refused(guest.run(['closed']), 'not-executable', /permission denied$/);
  await refused(guest.run(['text']), 'not-executable', /exec format error$/);
  await refused(guest.run(['/bin']), 'not-executable', /is a directory$/);
  await refused(guest.run([]), 'invalid', /no command/);
  await refused(guest.run(['true'], [[Tag.USER, 'nobody']]), 'invalid', /unable to find user nobody: no matching entries in passwd file/);
  assert.equal((await guest.run(['true'])).exitCode, 0, 'nothing is left that would hinder the next');
});

test('user, groups, HOME, working directory', options, async () => {
  await using guest = await GuestFixture.start();
  await writeFile(`${guest.root}/etc/passwd`, 'app:x:1000:1001::/home/app:/bin/sh\n');
  await writeFile(`${guest.root}/etc/group`, 'app:x:1001:\naudio:x:29:app\nextra:x:30:\n');
  const result = await guest.shell('id -u; id -g; id -G; echo $HOME; pwd; grep CapEff /proc/self/status', [
    [Tag.USER, 'app'],
    [Tag.GROUP_ADD, 'extra'],
    [Tag.CWD, '/new/place'],
  ]);
  assert.equal(
    result.stdout.replace(/(?<=\n)(?:\d+ )+\d+(?=\n)/, (groups) => groups.split(' ').toSorted().join(' ')),
    '1000\n1001\n1001 29 30\n/home/app\n/new/place\nCapEff:\t0000000000000000\n',
  );
});

test('capabilities, no_new_privs and limits are those asked for', options, async () => {
  await using guest = await GuestFixture.start();
  const status = 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status | tr -s "\\t " " "; ulimit -n; ulimit -Hn';
  const { stdout } = await guest.shell(status, [
    [Tag.CAP_BOUNDING, 0x21n],
    [Tag.CAP_EFFECTIVE, 0x21n],
    [Tag.CAP_PERMITTED, 0x21n],
    [Tag.NO_NEW_PRIVS, 1],
    [Tag.RLIMIT, rlimitField(7, 100n, 200n)],
  ]);
  const set = '0000000000000021';
  const none = '0000000000000000';
  assert.deepEqual(stdout.split('\n').slice(0, -1), [
    `CapInh: ${none}`,
    `CapPrm: ${set}`,
    `CapEff: ${set}`,
    `CapBnd: ${set}`,
    `CapAmb: ${none}`,
    'NoNewPrivs: 1',
    'Seccomp: 0',
    '100',
    '200',
  ]);
});

test('mounts, devices and paths are as in a container of Docker', options, async () => {
  await using guest = await GuestFixture.start();
  await mkdir(`${guest.directory}/volume`);
  await writeFile(`${guest.directory}/volume/data`, 'data');
  const { stdout, stderr } = await guest.shell(
    [
      'ls /dev | grep -v core | tr "\\n" " "; echo',
      'echo x > /dev/null && head -c 2 /dev/zero | wc -c',
      'cat /in/data; touch /in/new 2>&1',
      'touch /sys/new 2>&1; cat /proc/interrupts | wc -c; (echo 1 > /proc/sys/vm/swappiness) 2>&1',
      'stat -f -c %b /dev/shm',
    ].join('; '),
    [
      [Tag.BIND, bindField(`${guest.directory}/volume`, '/in', true)],
      [Tag.MASKED, '/proc/interrupts'],
      [Tag.READONLY, '/proc/sys'],
      [Tag.SHM_SIZE, 1 << 20],
    ],
  );
  assert.equal(stderr, '');
  assert.equal(
    stdout,
    [
      'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ',
      '2',
      'datatouch: /in/new: Read-only file system',
      'touch: /sys/new: Read-only file system',
      '0',
      "sh: can't create /proc/sys/vm/swappiness: Read-only file system",
      '256',
      '',
    ].join('\n'),
  );
});

test('no link in the image leads a mount out of its root', options, async () => {
  await using guest = await GuestFixture.start();
  await mkdir(`${guest.directory}/outside`);
  await symlink(`${guest.directory}/outside`, `${guest.root}/link`);
  await symlink('../../outside', `${guest.root}/climb`);
  await mkdir(`${guest.directory}/volume`);
  await writeFile(`${guest.directory}/volume/data`, 'data');
  const { stdout } = await guest.shell(`cat ${guest.directory}/outside/a/data /outside/b/data`, [
    [Tag.BIND, bindField(`${guest.directory}/volume`, '/link/a', false)],
    [Tag.BIND, bindField(`${guest.directory}/volume`, '/climb/b', false)],
  ]);
  assert.equal(stdout, 'datadata', 'the links were followed below the root');
});

test('an exec joins the container and ends with it', options, async () => {
  await using guest = await GuestFixture.start();
  const init = await guest.start(['sh', '-c', 'echo here > /tmp/file; echo ready; while :; do sleep 1; done'], [[Tag.HOSTNAME, 'inside']]);
  await until(() => guest.text(init) === 'ready\n', 'the container');
  const inside = await guest.shell('hostname; cat /tmp/file; ls -d /proc/[0-9]* | wc -l; exit 4', [[Tag.JOIN, init]]);
  assert.equal(inside.exitCode, 4);
  assert.match(inside.stdout, /^inside\nhere\n[2-6]\n$/);
  await refused(guest.run(['nothing'], [[Tag.JOIN, init]]), 'not-found', /executable file not found/);
  const lasting = await guest.start(['sleep', '60'], [[Tag.JOIN, init]]);
  await guest.kill(init);
  assert.equal((await guest.finish(lasting)).exitCode, 137);
  await refused(guest.run(['true'], [[Tag.JOIN, init]]), 'invalid', /not running/);
});

test('an init of ours reaps, passes signals on and gives the status of its child', options, async () => {
  await using guest = await GuestFixture.start();
  const proc = await guest.start(
    ['sh', '-c', 'trap "exit 7" TERM; (sleep 0.05 &); echo "$$"; while :; do sleep 0.05; done'],
    [[Tag.INIT, 1]],
  );
  await until(() => guest.text(proc) !== '', 'the child');
  assert.notEqual(guest.text(proc), '1\n');
  await guest.link.request(FrameType.SIGNAL, new FieldsBuilder().add(Tag.SIGNAL, 15), proc);
  assert.equal((await guest.finish(proc)).exitCode, 7);
});

test('stdin, its end, and a terminal', options, async () => {
  await using guest = await GuestFixture.start();
  const cat = await guest.start(['cat'], [[Tag.STDIO, STDIN_OPEN]]);
  await guest.write(cat, 'through');
  await guest.link.send({ type: FrameType.EOF, proc: cat, stream: STDIN });
  assert.equal((await guest.finish(cat)).stdout, 'through');
  const terminal = await guest.start(
    ['sh', '-c', 'stty size; read x; stty size'],
    [
      [Tag.STDIO, TERMINAL | STDIN_OPEN],
      [Tag.ROWS, 10],
      [Tag.COLS, 20],
    ],
  );
  await until(() => guest.text(terminal) === '10 20\r\n', 'the size');
  await guest.link.request(FrameType.RESIZE, new FieldsBuilder().add(Tag.ROWS, 11).add(Tag.COLS, 21), terminal);
  await guest.write(terminal, '\n');
  assert.match((await guest.finish(terminal)).stdout, /11 21\r\n$/);
});

test('more output than the window waits for its acknowledgement and is complete', options, async () => {
  await using guest = await GuestFixture.start();
  const { stdout } = await guest.run(['seq', '200000']);
  assert.ok(stdout === Array.from({ length: 200_000 }, (_, i) => `${String(i + 1)}\n`).join(''), 'lines are missing');
});

test('a read-only root', options, async () => {
  await using guest = await GuestFixture.start();
  const { stdout } = await guest.shell('touch /file 2>&1; touch /tmp/file && echo fine', [
    [Tag.READONLY_ROOT, 1],
    [Tag.TMPFS, '/tmp:size=1m'],
  ]);
  assert.equal(stdout, 'touch: /file: Read-only file system\nfine\n');
});
