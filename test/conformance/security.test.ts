/** What a process may do: capabilities, privileges, system calls, paths. */
import assert from 'node:assert/strict';
import { conformance } from '../fixtures/conformance.ts';
import type { Subject } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

/** Docker's fourteen. */
const DEFAULT = '00000000a80425fb';
const NET_RAW = '0000000000002000';
const SYS_TIME = 1n << 25n;

async function status(subject: Subject, options: readonly string[], field: string): Promise<string> {
  return (await subject.output(options, 'grep', `^${field}:`, '/proc/self/status')).split('\t')[1] ?? '';
}

behaviour("by default a process has Docker's capabilities and no others", async (subject) => {
  const seen = await subject.output([], 'grep', '-E', '^Cap(Inh|Prm|Eff|Bnd|Amb)', '/proc/self/status');
  assert.equal(
    seen,
    [`CapInh:\t${'0'.repeat(16)}`, `CapPrm:\t${DEFAULT}`, `CapEff:\t${DEFAULT}`, `CapBnd:\t${DEFAULT}`, `CapAmb:\t${'0'.repeat(16)}`].join(
      '\n',
    ),
  );
});

behaviour('--cap-drop ALL --cap-add leaves what was added', async (subject) => {
  const seen = await subject.output(['--cap-drop', 'ALL', '--cap-add', 'NET_RAW'], 'grep', '-E', '^Cap(Prm|Eff|Bnd)', '/proc/self/status');
  assert.equal(seen, `CapPrm:\t${NET_RAW}\nCapEff:\t${NET_RAW}\nCapBnd:\t${NET_RAW}`);
});

behaviour('--cap-drop takes one, with or without its prefix', async (subject) => {
  const without = (BigInt(`0x${DEFAULT}`) & ~BigInt(`0x${NET_RAW}`)).toString(16).padStart(16, '0');
  assert.equal(await status(subject, ['--cap-drop', 'NET_RAW'], 'CapEff'), without);
  assert.equal(await status(subject, ['--cap-drop', 'CAP_NET_RAW'], 'CapEff'), without);
});

behaviour('--cap-add gives one more', async (subject) => {
  assert.equal(
    await status(subject, ['--cap-add', 'SYS_TIME'], 'CapEff'),
    (BigInt(`0x${DEFAULT}`) | SYS_TIME).toString(16).padStart(16, '0'),
  );
});

behaviour('an unknown capability is refused', async (subject) => {
  const { code, stderr } = await subject.run(['--cap-add', 'NOSUCH'], 'true');
  assert.equal(code, 125);
  assert.match(stderr, /invalid CapAdd: unknown capability: "CAP_NOSUCH"/);
});

behaviour('what needs a dropped capability fails', async (subject) => {
  assert.equal((await subject.run([], 'chown', '1:1', '/tmp')).code, 0);
  const { code, stderr } = await subject.run(['--cap-drop', 'CHOWN'], 'chown', '1:1', '/tmp');
  assert.equal(code, 1);
  assert.match(stderr, /Operation not permitted/);
});

behaviour('by default a seccomp filter is on, and refuses what the filter refuses', async (subject) => {
  assert.equal(await status(subject, [], 'Seccomp'), '2');
  const { code, stderr } = await subject.run([], 'unshare', '-U', 'true');
  assert.notEqual(code, 0);
  assert.match(stderr, /unshare.*: Operation not permitted/);
});

behaviour('a capability opens the system calls that belong to it', async (subject) => {
  const { code, stderr } = await subject.run(['--cap-add', 'SYS_ADMIN'], 'sh', '-c', 'mount -t tmpfs none /tmp && unshare -U true');
  assert.equal(code, 0, stderr);
});

behaviour('a mount is refused by default', async (subject) => {
  const { code, stderr } = await subject.run([], 'mount', '-t', 'tmpfs', 'none', '/tmp');
  assert.notEqual(code, 0);
  assert.match(stderr, /permission denied|Operation not permitted/i);
});

behaviour('seccomp=unconfined takes the filter away', async (subject) => {
  assert.equal(await status(subject, ['--security-opt', 'seccomp=unconfined'], 'Seccomp'), '0');
  assert.equal((await subject.run(['--security-opt', 'seccomp=unconfined'], 'unshare', '-U', 'true')).code, 0);
});

behaviour('no-new-privileges is set only when asked for', async (subject) => {
  assert.equal(await status(subject, [], 'NoNewPrivs'), '0');
  assert.equal(await status(subject, ['--security-opt', 'no-new-privileges'], 'NoNewPrivs'), '1');
  assert.equal(await status(subject, ['--security-opt', 'no-new-privileges', '-u', 'abode'], 'NoNewPrivs'), '1');
});

behaviour('an unknown security option is refused', async (subject) => {
  const { code, stderr } = await subject.run(['--security-opt', 'nosuch=1'], 'true');
  assert.equal(code, 125);
  assert.match(stderr, /invalid --security-opt( 2)?: "nosuch=1"/);
});

behaviour('--privileged has all capabilities that can be had, no filter, and may write below /proc/sys', async (subject) => {
  const effective = BigInt(`0x${await status(subject, ['--privileged'], 'CapEff')}`);
  assert.equal(effective & BigInt(`0x${DEFAULT}`), BigInt(`0x${DEFAULT}`));
  assert.notEqual(effective & SYS_TIME, 0n);
  assert.equal(await status(subject, ['--privileged'], 'Seccomp'), '0');
  assert.equal(
    await subject.output(
      ['--privileged', '--hostname', 'before'],
      'sh',
      '-c',
      'mount -t tmpfs none /tmp && echo after > /proc/sys/kernel/hostname && hostname',
    ),
    'after',
  );
});

behaviour('kernel interfaces are read-only', async (subject) => {
  for (const path of ['/proc/sys/kernel/hostname', '/proc/sys/net/ipv4/ip_forward']) {
    const { code, stderr } = await subject.run([], 'sh', '-c', `echo 1 > ${path}`);
    assert.notEqual(code, 0, path);
    assert.match(stderr, /Read-only file system/, path);
  }
  // Of version 1 each hierarchy is a mount of its own.
  const { stderr } = await subject.run([], 'sh', '-c', 'cd /sys/fs/cgroup; if test -d memory; then cd memory; fi; mkdir mine');
  assert.match(stderr, /Read-only file system/);
});

behaviour('kernel interfaces that tell of the host are masked', async (subject) => {
  const script = 'cat /proc/keys /proc/timer_list | wc -c; ls -A /proc/acpi /sys/firmware 2>/dev/null | grep -v : | grep -c .';
  assert.equal((await subject.run([], 'sh', '-c', script)).stdout, '0\n0\n');
});

behaviour('devices are the harmless ones, and work', async (subject) => {
  const listed = await subject.output(
    [],
    'sh',
    '-c',
    'ls /dev; echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 9 /dev/urandom | wc -c; echo y > /dev/full || echo full',
  );
  const lines = listed.split('\n');
  for (const name of [
    'fd',
    'full',
    'mqueue',
    'null',
    'ptmx',
    'pts',
    'random',
    'shm',
    'stderr',
    'stdin',
    'stdout',
    'tty',
    'urandom',
    'zero',
  ])
    assert.ok(lines.includes(name), name);
  assert.ok(!lines.some((name) => /^(vd|sd|mem|kmem|kvm|vport)/.test(name)), listed);
  assert.deepEqual(lines.slice(-3), ['4', '9', 'full']);
});
