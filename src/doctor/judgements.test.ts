import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mendKvm } from './check-acceleration.ts';
import { cgroupLayout } from './check-cgroups.ts';
import { judgeLandlock, judgeSeccomp } from './check-kernel.ts';
import { listeningPorts } from './check-network.ts';
import { judgeFileLimit, judgeSpace } from './check-resources.ts';
import { judgeCapabilities } from './check-user.ts';

const GIB = 2 ** 30;

test('cgroups: the three layouts are told apart', () => {
  const tmpfs = 'tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n';
  assert.equal(cgroupLayout('2', 'cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n'), 'v2');
  assert.equal(cgroupLayout('1', tmpfs), 'v1');
  assert.equal(cgroupLayout('1', `${tmpfs}cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n`), 'hybrid');
});

test('user: what is lacking is named', () => {
  const verdicts = (mask: string): Array<string | undefined> =>
    judgeCapabilities(`CapPrm:\t0\nCapEff:\t${mask}\n`).flatMap(({ verdict, disables }) => [verdict, disables]);
  assert.deepEqual(verdicts('000001ffffffffff'), ['ok', undefined]);
  assert.equal(verdicts('000001fffeffffff')[0], 'warn');
  assert.deepEqual(verdicts('00000000a80425fb'), ['missing', 'the daemon']);
  assert.equal(judgeCapabilities('no such line')[0]?.verdict, 'missing');
});

test('kernel: landlock is a warning, seccomp is needed', () => {
  assert.equal(judgeLandlock(7).verdict, 'ok');
  assert.equal(judgeLandlock(-1).verdict, 'warn');
  assert.equal(judgeSeccomp('kill_process kill_thread trap errno user_notif trace log allow').verdict, 'ok');
  assert.equal(judgeSeccomp(undefined).verdict, 'missing');
});

test('ports: only listeners count, each once, in order', () => {
  const head = '  sl  local_address rem_address   st tx_queue\n';
  const line = (port: string, state: string): string => `   0: 0100007F:${port} 00000000:0000 ${state} 00000000:00000000 00:00000000\n`;
  const v6 = `   1: ${'0'.repeat(32)}:0016 ${'0'.repeat(32)}:0000 0A 00000000:00000000\n`;
  assert.deepEqual(
    listeningPorts(head + line('01BB', '0A') + line('0050', '0A') + line('0051', '01') + line('0016', '0A') + v6),
    [22, 80, 443],
  );
});

test('resources: limits and space', () => {
  assert.equal(judgeFileLimit('Max open files            1024                 1048576              files\n').verdict, 'ok');
  assert.match(judgeFileLimit('Max open files            1024                 20000                files\n').disables ?? '', /20000/);
  assert.equal(judgeFileLimit('Max open files            1024                 unlimited            files\n').verdict, 'ok');
  assert.equal(judgeFileLimit('').verdict, 'warn');
  assert.deepEqual(
    [0.5, 3, 20].map((free) => judgeSpace(free * GIB, '/').verdict),
    ['missing', 'warn', 'ok'],
  );
});

test("acceleration: a device that QEMU's user may not open is a matter of rights", () => {
  assert.match(mendKvm('Could not access KVM kernel module: Permission denied'), /chgrp/);
  assert.match(mendKvm("the guest's agent did not answer within 8000 ms"), /nested/);
});
