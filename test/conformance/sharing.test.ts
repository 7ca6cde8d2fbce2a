/** Namespaces shared with the host and with other containers, and what is refused where there is nothing to share. */
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { conformance, type Subject } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

const SHARED = ['container', 'hybrid'] as const;
const namespace = (name: string): string => readlinkSync(`/proc/self/ns/${name}`);

/** A second container beside the subject, in the same isolation. */
async function beside(subject: Subject, options: readonly string[], ...command: readonly string[]): Promise<string> {
  return subject.output(options, ...command);
}

behaviour(
  '--pid, --ipc and --uts host are the namespaces of the host',
  async (subject) => {
    assert.equal(await subject.output(['--pid', 'host'], 'readlink', '/proc/self/ns/pid'), namespace('pid'));
    assert.equal(await subject.output(['--ipc', 'host'], 'readlink', '/proc/self/ns/ipc'), namespace('ipc'));
    assert.equal(
      await subject.output(['--uts', 'host'], 'sh', '-c', 'readlink /proc/self/ns/uts; hostname'),
      `${namespace('uts')}\n${hostname()}`,
    );
  },
  ['container'],
);

behaviour(
  '--pid, --ipc, --uts and --network host are refused in a VM, with the reason',
  async (subject) => {
    for (const option of ['pid', 'ipc', 'uts', 'network']) {
      const { code, stderr } = await subject.run([`--${option}`, 'host'], 'true');
      assert.equal(code, 125);
      assert.match(stderr, new RegExp(`--${option} host \\(HostConfig\\.\\w+\\) is not possible for a container in a VM: the VM`));
    }
  },
  ['vm', 'hybrid'],
);

behaviour(
  '--network host is the network of the host, with its names',
  async (subject) => {
    const seen = await subject.output(
      ['--network', 'host', '--add-host', 'abode-test:10.1.2.3'],
      'sh',
      '-c',
      'readlink /proc/self/ns/net; hostname; cat /etc/hosts /etc/resolv.conf',
    );
    const lines = seen.split('\n');
    assert.equal(lines[0], namespace('net'));
    assert.equal(lines[1], hostname());
    for (const line of readFileSync('/etc/hosts', 'utf8').trim().split('\n')) assert.ok(lines.includes(line), line);
    for (const line of readFileSync('/etc/resolv.conf', 'utf8').trim().split('\n')) assert.ok(lines.includes(line), line);
    assert.ok(lines.includes('10.1.2.3\tabode-test'));
    await subject.create(['--network', 'host'], 'true');
    assert.equal(
      await subject.inspect('{{.HostConfig.NetworkMode}} {{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}'),
      'host host',
    );
  },
  ['container'],
);

behaviour(
  "--network container:NAME is the other's network, name and hosts",
  async (subject) => {
    await subject.background(['--hostname', 'donor'], 'sleep', '1000');
    const show = 'readlink /proc/self/ns/net; hostname; cat /etc/hosts; ip -o -4 addr show eth0 | tr -s " "';
    const own = (await subject.exec([], 'sh', '-c', show)).stdout;
    assert.equal(await beside(subject, ['--network', `container:${subject.name}`], 'sh', '-c', show), own.trimEnd());
    assert.match(own, /^donor$/m);
  },
  SHARED,
);

behaviour(
  "--pid container:NAME shows the other's processes, and an end of one's own ends nobody else",
  async (subject) => {
    await subject.background([], 'sleep', '123456');
    assert.match(await beside(subject, ['--pid', `container:${subject.name}`], 'ps', '-o', 'args'), /^sleep 123456$/m);
    assert.equal(await subject.inspect('{{.State.Running}}'), 'true');
  },
  SHARED,
);

behaviour(
  'with another PID namespace nothing of a container outlives its init',
  async (subject) => {
    await subject.background([], 'sleep', '1000');
    await subject.run(['--pid', `container:${subject.name}`], 'sh', '-c', 'sleep 654321 >/dev/null 2>&1 & exec true');
    assert.doesNotMatch((await subject.exec([], 'ps', '-o', 'args')).stdout, /sleep 654321/);
  },
  SHARED,
);

behaviour(
  '--ipc container:NAME has the other’s /dev/shm, where that one shares it',
  async (subject) => {
    await subject.background(['--ipc', 'shareable', '--shm-size', '3m'], 'sleep', '1000');
    await subject.exec([], 'sh', '-c', 'echo shared > /dev/shm/note');
    const seen = await beside(
      subject,
      ['--ipc', `container:${subject.name}`],
      'sh',
      '-c',
      'cat /dev/shm/note; readlink /proc/self/ns/ipc; echo back > /dev/shm/answer; df -k /dev/shm | tail -n 1 | { read a b c; echo $b; }',
    );
    assert.deepEqual(seen.split('\n'), ['shared', (await subject.exec([], 'readlink', '/proc/self/ns/ipc')).stdout.trim(), '3072']);
    assert.equal((await subject.exec([], 'cat', '/dev/shm/answer')).stdout, 'back\n');
  },
  SHARED,
);

behaviour(
  '--ipc private cannot be joined; --ipc none has no /dev/shm',
  async (subject) => {
    await subject.background(['--ipc', 'private'], 'sleep', '1000');
    const { code, stderr } = await subject.run(['--ipc', `container:${subject.name}`], 'true');
    assert.equal(code, 125);
    assert.match(
      stderr,
      /cannot join IPC of container [0-9a-f]{64}: non-shareable IPC \(hint: use IpcMode:shareable for the donor container\)/,
    );
    assert.equal(await subject.output(['--ipc', 'none'], 'sh', '-c', 'grep -c " /dev/shm " /proc/mounts || true'), '0');
  },
  ['container', 'hybrid'],
);

behaviour(
  'who is not there, or does not run, cannot be joined',
  async (subject) => {
    for (const option of ['pid', 'ipc', 'network']) {
      const missing = await subject.run([`--${option}`, 'container:nosuch'], 'true');
      assert.equal(missing.code, 125);
      assert.match(missing.stderr, /No such container: nosuch/);
    }
    await subject.create(['--ipc', 'shareable'], 'true');
    for (const [option, what] of [
      ['pid', 'PID'],
      ['ipc', 'IPC'],
      ['network', 'network'],
    ] as const) {
      const stopped = await subject.run([`--${option}`, `container:${subject.name}`], 'true');
      assert.equal(stopped.code, 125);
      assert.match(stopped.stderr, new RegExp(`cannot join ${what} of a non running container: [0-9a-f]{64}`));
    }
  },
  SHARED,
);

behaviour(
  'a container alone in its VM joins nobody, and is told how to',
  async (subject) => {
    for (const option of ['pid', 'ipc', 'network']) {
      const { code, stderr } = await subject.run([`--${option}`, 'container:nosuch'], 'true');
      assert.equal(code, 125);
      assert.match(stderr, /it is alone in its VM: run both containers in one \(--runtime vm:NAME\)/);
    }
  },
  ['vm'],
);

behaviour('a network that nobody has made is not found', async (subject) => {
  const { code, stderr } = await subject.run(['--network', 'nosuchnet'], 'true');
  assert.equal(code, 125);
  assert.match(stderr, /network nosuchnet not found/);
});

behaviour('the modes are told as they are', async (subject) => {
  await subject.create(['--userns', 'host'], 'true');
  const [ipc, cgroup, userns] = (
    await subject.inspect('{{.HostConfig.IpcMode}} {{.HostConfig.CgroupnsMode}} {{.HostConfig.UsernsMode}}')
  ).split(' ');
  assert.deepEqual([ipc, userns], ['private', 'host']);
  const inside = await subject.output([], 'readlink', '/proc/self/ns/cgroup');
  if (subject.isolation.name === 'container') assert.equal(inside === namespace('cgroup'), cgroup === 'host');
  else assert.equal(cgroup, 'private');
});

behaviour('--cgroupns private is a cgroup namespace of its own', async (subject) => {
  const inside = await subject.output(['--cgroupns', 'private'], 'sh', '-c', 'readlink /proc/self/ns/cgroup; cat /proc/self/cgroup');
  assert.notEqual(inside.split('\n')[0], namespace('cgroup'));
  assert.doesNotMatch(inside, /abode/);
});
