/** Limits that few ask for: seen in the cgroup that holds them, inside or on the host. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { QEMU_OVERHEAD } from '../../src/sandbox/vm/shape.ts';
import { conformance, type Subject } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

const VERSION_2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
const MIB = 1 << 20;

/** The file of the cgroup that the container, or the QEMU that it runs in, has on the host. */
function onHost(id: string, v1: string, v2: string, parent = 'abode'): string {
  const [controller = '', file = ''] = v1.split('/');
  return readFileSync(
    VERSION_2 ? `/sys/fs/cgroup/${parent}/${id}/${v2}` : `/sys/fs/cgroup/${controller}/${parent}/${id}/${file}`,
    'utf8',
  ).trim();
}

async function inside(subject: Subject, file: string): Promise<string> {
  return (await subject.exec([], 'cat', `/sys/fs/cgroup/${file}`)).stdout.trim();
}

behaviour('--memory-reservation is what the memory is pressed down to', async (subject) => {
  const id = await subject.background(['-m', '64m', '--memory-reservation', '32m'], 'sleep', '1000');
  if (subject.isolation.name === 'hybrid') assert.equal(await inside(subject, 'memory.low'), String(32 * MIB));
  else {
    const overhead = subject.isolation.name === 'vm' ? QEMU_OVERHEAD : 0;
    assert.equal(onHost(id, 'memory/memory.soft_limit_in_bytes', 'memory.low'), String(32 * MIB + overhead));
  }
  assert.equal(await subject.inspect('{{.HostConfig.MemoryReservation}}'), String(32 * MIB));
});

behaviour('--cpu-shares weigh it against others', async (subject) => {
  const id = await subject.background(['--cpu-shares', '512'], 'sleep', '1000');
  if (subject.isolation.name === 'hybrid') assert.equal(await inside(subject, 'cpu.weight'), '20');
  else assert.equal(onHost(id, 'cpu/cpu.shares', 'cpu.weight'), VERSION_2 ? '20' : '512');
});

behaviour('--cpuset-cpus and --cpuset-mems are held', async (subject) => {
  const id = await subject.background(['--cpuset-cpus', '0', '--cpuset-mems', '0'], 'sleep', '1000');
  if (subject.isolation.name === 'hybrid') assert.equal(await inside(subject, 'cpuset.cpus'), '0');
  else {
    assert.equal(onHost(id, 'cpuset/cpuset.cpus', 'cpuset.cpus'), '0');
    assert.equal(onHost(id, 'cpuset/cpuset.mems', 'cpuset.mems'), '0');
    const pid = await subject.inspect('{{.State.Pid}}');
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Cpus_allowed_list:\t0$/m);
  }
});

behaviour(
  '--device-read-bps limits a device of the host, for a VM at its QEMU',
  async (subject) => {
    const device = ['/dev/vda', '/dev/sda', '/dev/nvme0n1', '/dev/loop0'].find((path) => existsSync(path));
    if (device === undefined) {
      subject.skip('no block device here');
      return;
    }
    const id = await subject.background(['--device-read-bps', `${device}:1mb`, '--device-write-iops', `${device}:77`], 'sleep', '1000');
    assert.match(onHost(id, 'blkio/blkio.throttle.read_bps_device', 'io.max'), /1048576/);
    assert.match(onHost(id, 'blkio/blkio.throttle.write_iops_device', 'io.max'), /77/);
  },
  ['container', 'vm'],
);

behaviour(
  '--cgroup-parent holds the cgroup, which goes with the container',
  async (subject) => {
    const parent = `abode-test-${String(process.pid)}`;
    const id = await subject.background(['--cgroup-parent', `/${parent}`, '--pids-limit', '77'], 'sleep', '1000');
    const limit = onHost(id, 'pids/pids.max', 'pids.max', parent);
    assert.equal(limit, subject.isolation.name === 'vm' ? '256' : '77');
    await subject.docker('rm', '-f', subject.name);
    assert.equal(existsSync(`/sys/fs/cgroup/${VERSION_2 ? '' : 'pids/'}${parent}/${id}`), false);
    // A parent is its maker's, who may have had it before.
    for (const hierarchy of VERSION_2 ? [''] : readdirSync('/sys/fs/cgroup')) {
      const directory = `/sys/fs/cgroup/${hierarchy}/${parent}`;
      if (existsSync(directory)) rmdirSync(directory);
    }
  },
  ['container', 'vm'],
);

behaviour(
  '--cgroup-parent is refused where the VM is shared',
  async (subject) => {
    const { code, stderr } = await subject.run(['--cgroup-parent', '/x'], 'true');
    assert.equal(code, 125);
    assert.match(stderr, /--cgroup-parent .* is not possible for a container in a shared VM: the VM has one cgroup/);
  },
  ['hybrid'],
);

behaviour(
  '--cpu-period and --cpu-quota are the period and the quota that were asked for',
  async (subject) => {
    const id = await subject.background(['--cpu-period', '50000', '--cpu-quota', '25000'], 'sleep', '1000');
    if (subject.isolation.name === 'hybrid') assert.equal(await inside(subject, 'cpu.max'), '25000 50000');
    else {
      assert.equal(onHost(id, 'cpu/cpu.cfs_period_us', 'cpu.max').replace(/^\d+ /, ''), '50000');
      assert.equal(onHost(id, 'cpu/cpu.cfs_quota_us', 'cpu.max').replace(/ \d+$/, ''), '25000');
    }
  },
  ['container', 'hybrid'],
);

behaviour('--memory-swappiness and --oom-kill-disable are carried out, or discarded with a warning', async (subject) => {
  const { stderr } = await subject.docker(
    'create',
    '--name',
    subject.name,
    ...subject.isolation.options,
    '-m',
    '64m',
    '--memory-swappiness',
    '7',
    '--oom-kill-disable',
    'abode/base',
    'sleep',
    '1000',
  );
  const byHost = !VERSION_2;
  const swappiness = byHost && subject.isolation.name !== 'hybrid';
  const oom = byHost && subject.isolation.name === 'container';
  assert.equal(/Memory swappiness discarded/.test(stderr), !swappiness, stderr);
  assert.equal(/OomKillDisable discarded/.test(stderr), !oom, stderr);
  assert.equal(await subject.inspect('{{.HostConfig.OomKillDisable}}'), String(oom));
  await subject.docker('start', subject.name);
  const id = await subject.inspect('{{.Id}}');
  if (swappiness) assert.equal(onHost(id, 'memory/memory.swappiness', ''), '7');
  if (oom) assert.match(onHost(id, 'memory/memory.oom_control', ''), /^oom_kill_disable 1$/m);
});

behaviour(
  '--device gives a device of the host, under another name and with the access that was asked for',
  async (subject) => {
    assert.equal(
      await subject.output(
        ['--device', '/dev/zero:/dev/nothing:r'],
        'sh',
        '-c',
        'head -c 2 /dev/nothing | od -An -tx1 | tr -d " "; ls -l /dev/nothing | cut -c1',
      ),
      '0000\nc',
    );
    assert.equal(await subject.output(['--device', '/dev/net:/dev/tunnel'], 'ls', '/dev/tunnel'), 'tun');
    const missing = await subject.run(['--device', '/dev/nosuch'], 'true');
    // The client's own reading of "no such file".
    assert.equal(missing.code, 127);
    assert.match(
      missing.stderr,
      /error gathering device information while adding custom device "\/dev\/nosuch": no such file or directory/,
    );
  },
  ['container'],
);

behaviour(
  '--device is refused in a VM, with the reason',
  async (subject) => {
    const { code, stderr } = await subject.run(['--device', '/dev/null'], 'true');
    assert.equal(code, 125);
    assert.match(stderr, /--device \(HostConfig\.Devices\) is not possible for a container in a VM: it has devices of its own/);
  },
  ['vm', 'hybrid'],
);

behaviour(
  '--device-cgroup-rule opens what it names',
  async (subject) => {
    // Nobody's number: where a rule allows it, it is the driver that is missing.
    const open = ['sh', '-c', 'mknod /tmp/none c 240 99 && cat /tmp/none'];
    assert.match((await subject.run([], ...open)).stderr, /Operation not permitted/);
    assert.match((await subject.run(['--device-cgroup-rule', 'c 240:* rwm'], ...open)).stderr, /No such device or address/);
    assert.notEqual((await subject.run(['--device-cgroup-rule', 'x'], 'true')).code, 0);
  },
  ['container', 'hybrid'],
);

behaviour(
  '--device-cgroup-rule is refused in a VM of its own, with the reason',
  async (subject) => {
    const { code, stderr } = await subject.run(['--device-cgroup-rule', 'c 240:* rwm'], 'true');
    assert.equal(code, 125);
    assert.match(
      stderr,
      /--device-cgroup-rule .* is not possible for a container in a VM of its own: its processes may use Docker's usual devices/,
    );
  },
  ['vm'],
);

behaviour(
  '--privileged has the devices of the host',
  async (subject) => {
    assert.equal(await subject.output(['--privileged'], 'sh', '-c', 'ls -l /dev/kmsg | cut -c1'), 'c');
  },
  ['container'],
);

behaviour('--gpus is refused at the start: there is no driver for them', async (subject) => {
  const { code, stderr } = await subject.run(['--gpus', 'all'], 'true');
  assert.equal(code, 125);
  assert.match(stderr, /could not select device driver "" with capabilities: \[\[gpu\]\]/);
});

behaviour('--annotation is kept and told', async (subject) => {
  await subject.create(['--annotation', 'a=b'], 'true');
  assert.equal(await subject.inspect('{{json .HostConfig.Annotations}}'), '{"a":"b"}');
});
