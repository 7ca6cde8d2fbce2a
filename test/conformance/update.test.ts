/** `docker update`: what a container may take, and whether it comes back, changed while it runs. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { until } from '../fixtures/until.ts';

const { behaviour } = conformance();

/** Of the container's own group, as it sees it: version 1 on a hybrid host, 2 in a VM. */
async function limit(subject: Subject, file1: string, file2: string): Promise<string> {
  const script = `cat /sys/fs/cgroup/${file2} 2>/dev/null || cat /sys/fs/cgroup/${file1}`;
  return (await subject.exec([], 'sh', '-c', script)).stdout.trim();
}

behaviour('memory and processes of a container that runs', async (subject) => {
  await subject.background(['-m', '64m', '--pids-limit', '30'], 'sleep', '1000');
  await subject.daemon.docker('update', '-m', '96m', '--memory-swap', '192m', '--pids-limit', '40', subject.name);
  assert.equal(await limit(subject, 'memory/memory.limit_in_bytes', 'memory.max'), String(96 << 20));
  assert.equal(await limit(subject, 'pids/pids.max', 'pids.max'), '40');
  assert.equal(await subject.inspect('{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}'), `${String(96 << 20)} 40`);
  // It holds: more than the former limit fits, more than the new one does not.
  const take = async (): Promise<number> => (await subject.exec([], 'dd', 'if=/dev/zero', 'of=/dev/null', 'bs=70000000', 'count=1')).code;
  assert.equal(await take(), 0);
  await subject.daemon.docker('update', '-m', '32m', '--memory-swap', '32m', subject.name);
  assert.notEqual(await take(), 0);
});

behaviour('processors of a container that runs', async (subject) => {
  await subject.background(['--cpus', '1'], 'sleep', '1000');
  await subject.daemon.docker('update', '--cpus', '0.3', subject.name);
  const quota = await limit(subject, 'cpu/cpu.cfs_quota_us', 'cpu.max');
  assert.equal(quota.split(' ')[0], '30000');
  assert.equal(await subject.inspect('{{.HostConfig.NanoCpus}}'), '300000000');
});

behaviour('the processors that it may run on', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const { code, stderr } = await subject.docker('update', '--cpuset-cpus', '0', subject.name);
  assert.equal(code, 0, stderr);
  // Of a VM it is the VM that is kept to them.
  const pid = subject.isolation.name === 'hybrid' ? undefined : await subject.inspect('{{.State.Pid}}');
  const allowed =
    pid === undefined ? (await subject.exec([], 'cat', '/proc/self/status')).stdout : await readFile(`/proc/${pid}/status`, 'utf8');
  assert.match(allowed, /^Cpus_allowed_list:\t0$/m);
});

behaviour('a VM gets no more than its machine has, and a container not more than the host', async (subject) => {
  await subject.background(['-m', '64m'], 'sleep', '1000');
  const { code, stderr } = await subject.docker('update', '-m', '2g', '--memory-swap', '2g', subject.name);
  if (subject.isolation.name === 'container') assert.equal(code, 0, stderr);
  else {
    assert.equal(code, 1);
    assert.match(stderr, /Cannot update container [0-9a-f]{64}: (its VM|the VM conf) has \d+ MiB of memory while it runs/);
    assert.equal(await subject.inspect('{{.HostConfig.Memory}}'), String(64 << 20), 'and stays as it was');
  }
});

behaviour('a paused container takes new limits, or says why not', async (subject) => {
  await subject.background(['-m', '64m'], 'sleep', '1000');
  await subject.daemon.docker('pause', subject.name);
  const { code, stderr } = await subject.docker('update', '-m', '80m', '--memory-swap', '160m', subject.name);
  if (subject.isolation.name === 'vm') assert.match(stderr, /its VM is paused, and takes new limits when it is unpaused/);
  else assert.equal(code, 0, stderr);
  assert.equal((await subject.docker('update', '--restart', 'no', subject.name)).code, 0, 'what no process is told can always be');
  await subject.daemon.docker('unpause', subject.name);
});

behaviour('what is updated while it does not run holds at its start', async (subject) => {
  await subject.create(['-m', '64m'], 'sleep', '1000');
  await subject.daemon.docker('update', '-m', '80m', '--memory-swap', '160m', subject.name);
  await subject.daemon.docker('start', subject.name);
  assert.equal(await limit(subject, 'memory/memory.limit_in_bytes', 'memory.max'), String(80 << 20));
});

behaviour('a restart policy that comes later', async (subject) => {
  await subject.background([], 'sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.1; done');
  await subject.daemon.docker('update', '--restart', 'on-failure:2', subject.name);
  assert.equal(await subject.inspect('{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}'), 'on-failure 2');
  await subject.exec([], 'kill', '-TERM', '1');
  await until('it was started again', 120_000, async () => (await subject.inspect('{{.RestartCount}} {{.State.Running}}')) === '1 true');
});

behaviour('what cannot be is said as Docker says it', async (subject) => {
  const id = await subject.create(['--cpus', '0.5', '-m', '64m'], 'true');
  const refused = async (...options: readonly string[]): Promise<string> => {
    const { code, stderr } = await subject.docker('update', ...options, subject.name);
    assert.equal(code, 1, options.join(' '));
    return stderr.trim().split('\n')[0] ?? '';
  };
  const prefix = 'Error response from daemon: ';
  assert.equal(await refused('-m', '1m'), `${prefix}Minimum memory limit allowed is 6MB`);
  assert.equal(
    await refused('-m', '1g'),
    `${prefix}Cannot update container ${id}: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
  );
  assert.equal(
    await refused('--cpu-quota', '50000'),
    `${prefix}Cannot update container ${id}: Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set`,
  );
  assert.match(await refused('--cpuset-cpus', '4095'), /Requested CPUs are not available - requested 4095, available: 0/);
});
