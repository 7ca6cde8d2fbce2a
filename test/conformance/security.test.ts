/** What a process may do: capabilities, privileges, system calls, paths. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

/** The option for a profile that allows all but what its rules say; the client reads it from a file. */
async function profile(subject: Subject, ...syscalls: readonly object[]): Promise<string[]> {
  const path = join(subject.daemon.directory, `${subject.name}.json`);
  await writeFile(path, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86_64'], syscalls }));
  return ['--security-opt', `seccomp=${path}`];
}

const NO_MKDIR = { names: ['mkdir', 'mkdirat', 'no_such_call'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 };

behaviour("a seccomp profile of one's own answers with its error, and an added process is under it too", async (subject) => {
  await subject.background(await profile(subject, NO_MKDIR), 'sh', '-c', 'mkdir /tmp/x; echo $?; sleep 600');
  await subject.logged('1');
  assert.match((await subject.docker('logs', subject.name)).stderr, /mkdir.*No space left on device/);
  const { code, stderr } = await subject.exec([], 'mkdir', '/tmp/y');
  assert.equal(code, 1);
  assert.match(stderr, /mkdir.*No space left on device/);
  assert.equal((await subject.exec([], 'sh', '-c', 'echo > /tmp/z && rm /tmp/z && grep -q "^Seccomp:.2" /proc/self/status')).code, 0);
});

/** Refuses the call where its argument has the set-user-ID bit. */
function setUserId(name: string, index: number): object {
  const bit = { index, value: 0o4000, valueTwo: 0o4000, op: 'SCMP_CMP_MASKED_EQ' };
  return { names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: 95, args: [bit] };
}

behaviour("a seccomp profile of one's own compares arguments", async (subject) => {
  const option = await profile(subject, setUserId('chmod', 1), setUserId('fchmodat', 2), {
    names: ['kill'],
    action: 'SCMP_ACT_KILL_PROCESS',
    args: [
      { index: 1, value: 40, op: 'SCMP_CMP_GE' },
      { index: 0, value: 1, op: 'SCMP_CMP_NE' },
    ],
  });
  const script =
    'touch /tmp/x; chmod 755 /tmp/x && echo plain; chmod 4755 /tmp/x || echo refused; (sh -c "kill -10 \\$\\$"); echo $?; (sh -c "kill -40 \\$\\$"); echo $?';
  assert.equal((await subject.run(option, 'sh', '-c', script)).stdout, 'plain\nrefused\n138\n159\n');
});

behaviour("what is no seccomp profile is refused at the container's start", async (subject) => {
  const wrong = await profile(subject, { names: ['mkdir'], action: 'SCMP_ACT_NONE' });
  const { code, stderr } = await subject.run(wrong, 'true');
  assert.ok(code >= 125, String(code));
  assert.match(stderr, /SCMP_ACT_NONE/);
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

behaviour('a device that is none of the usual ones can be made, and not used', async (subject) => {
  for (const disk of ['254 0', '253 0', '252 0', '8 0', '7 0']) {
    const script = `mknod /tmp/disk b ${disk} && mknod /dev/disk b ${disk} && for node in /tmp/disk /dev/disk; do head -c 4 $node; echo x >$node; done`;
    const { stderr } = await subject.run([], 'sh', '-c', script);
    assert.equal(stderr.match(/Operation not permitted/g)?.length, 4, `${disk}: ${stderr}`);
  }
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

behaviour('a profile that asks for a kernel is answered by the one that the container runs on', async (subject) => {
  const [major = 0, minor = 0] = (await subject.output([], 'uname', '-r')).split('.').map(Number);
  for (const [minKernel, refused] of [
    [`${String(major)}.${String(minor)}`, true],
    [`${String(major)}.${String(minor + 1)}`, false],
  ] as const) {
    const option = await profile(subject, { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', includes: { minKernel } });
    const { code } = await subject.run(option, 'mkdir', '/tmp/made');
    assert.equal(code !== 0, refused, minKernel);
  }
});
