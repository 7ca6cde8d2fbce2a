/** Containers that share one VM share its kernel and nothing else. */
import assert from 'node:assert/strict';
import { conformance, Subject } from '../fixtures/conformance.ts';

const { behaviour } = conformance();
const HYBRID = ['hybrid'] as const;

behaviour(
  'two containers in one VM: one kernel, each its own processes, name, files, memory and address',
  async (first) => {
    const second = new Subject(first.daemon, first.isolation);
    await first.background(['--hostname', 'one', '-m', '64m'], 'sh', '-c', 'touch /tmp/one; sleep 1001');
    await second.background(['--hostname', 'two', '-m', '96m'], 'sh', '-c', 'touch /tmp/two; sleep 1002');
    const look =
      'hostname; cat /proc/1/cmdline | tr "\\0" " "; echo; ls /tmp; cat /sys/fs/cgroup/memory.max; ps | grep -c "sleep 100[12]$"';
    assert.equal((await first.exec([], 'sh', '-c', look)).stdout, `one\nsleep 1001 \none\n${String(64 << 20)}\n1\n`);
    assert.equal((await second.exec([], 'sh', '-c', look)).stdout, `two\nsleep 1002 \ntwo\n${String(96 << 20)}\n1\n`);
    const boot = async (subject: Subject): Promise<string> => (await subject.exec([], 'cat', '/proc/sys/kernel/random/boot_id')).stdout;
    assert.equal(await boot(first), await boot(second));
    const namespaces = async (subject: Subject): Promise<string[]> =>
      (await subject.exec([], 'sh', '-c', 'for n in mnt pid net ipc uts; do readlink /proc/1/ns/$n; done')).stdout.trim().split('\n');
    const [mine, others] = [await namespaces(first), await namespaces(second)];
    assert.equal(mine.length, 5);
    assert.deepEqual(
      mine.filter((name) => others.includes(name)),
      [],
    );
    assert.deepEqual(
      (await first.daemon.vms()).map(({ name, state }) => ({ name, state })),
      [{ name: 'conf', state: 'running' }],
    );
  },
  HYBRID,
);

behaviour(
  'the end of one leaves the other alone',
  async (first) => {
    const second = new Subject(first.daemon, first.isolation);
    await first.background([], 'sleep', '1000');
    await second.background(['-m', '32m'], 'sh', '-c', 'x=x; while :; do x=$x$x; done');
    assert.equal(await first.daemon.docker('wait', second.name), '137');
    assert.equal(await second.inspect('{{.State.OOMKilled}}'), 'true');
    assert.equal((await first.exec([], 'echo', 'alive')).stdout, 'alive\n');
  },
  HYBRID,
);

behaviour(
  'another name is another VM',
  async (first) => {
    await first.background([], 'sleep', '1000');
    const boot = ['cat', '/proc/sys/kernel/random/boot_id'];
    const mine = (await first.exec([], ...boot)).stdout;
    const other = await first.daemon.docker('run', '--rm', '--runtime', 'vm:other', 'abode/base', ...boot);
    assert.notEqual(`${other}\n`, mine);
  },
  HYBRID,
);

behaviour(
  "a VM does not have the host's kernel, nor another VM's boot",
  async (subject) => {
    const boot = ['cat', '/proc/sys/kernel/random/boot_id'];
    const seen = [
      await subject.output([], ...boot),
      await subject.output([], ...boot),
      await subject.daemon.docker('run', '--rm', 'abode/base', ...boot),
    ];
    assert.equal(new Set(seen).size, 3);
  },
  ['vm'],
);
