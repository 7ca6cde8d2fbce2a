/** Limits, seen from inside and felt. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { conformance, type Subject } from '../fixtures/conformance.ts';

const { behaviour, everywhere, everywhereButCold } = conformance();

const HOST_VERSION = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '2' : '1';

/** What a file of the container's own cgroup says, whichever version it has. */
async function limit(subject: Subject, options: readonly string[], files: { v1: string; v2: string }): Promise<string> {
  const version = subject.isolation.cgroups ?? HOST_VERSION;
  if (subject.isolation.name === 'runsc') return limitOutside(subject, options, files);
  return subject.output(options, 'cat', `/sys/fs/cgroup/${version === '2' ? files.v2 : files.v1}`);
}

/** gVisor shows no cgroup to what runs in it. */
async function limitOutside(subject: Subject, options: readonly string[], files: { v1: string; v2: string }): Promise<string> {
  const id = await subject.background(options, 'sleep', '1000');
  const path = HOST_VERSION === '2' ? `abode/${id}/${files.v2}` : files.v1.replace('/', `/abode/${id}/`);
  return readFileSync(`/sys/fs/cgroup/${path}`, 'utf8').trim();
}

const MEMORY = { v1: 'memory/memory.limit_in_bytes', v2: 'memory.max' };
const PIDS = { v1: 'pids/pids.max', v2: 'pids.max' };

everywhere('-m is the memory limit that the container sees', async (subject) => {
  assert.equal(await limit(subject, ['-m', '48m'], MEMORY), String(48 << 20));
});

everywhere('a container that takes more memory than it may is killed, and told so', async (subject) => {
  await subject.background(['-m', '32m'], 'sh', '-c', 'x=x; while :; do x=$x$x; done');
  assert.equal(await subject.daemon.docker('wait', subject.name), '137');
  assert.equal(await subject.inspect('{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.Status}}'), 'true 137 exited');
});

behaviour('a child killed for memory does not end its container', async (subject) => {
  const { code, stdout } = await subject.run(['-m', '32m'], 'sh', '-c', 'sh -c "x=x; while :; do x=\\$x\\$x; done"; echo $?; exit 3');
  assert.equal(stdout, '137\n');
  assert.equal(code, 3);
});

behaviour('-m below the minimum is refused', async (subject) => {
  const { code, stderr } = await subject.run(['-m', '1b'], 'true');
  assert.equal(code, 125);
  assert.match(stderr, /^docker: Error response from daemon: Minimum memory limit allowed is 6MB$/m);
});

everywhereButCold('--cpus is the quota that the container sees', async (subject) => {
  const version = subject.isolation.cgroups ?? HOST_VERSION;
  const seen = await limit(subject, ['--cpus', '0.5'], { v1: 'cpu/cpu.cfs_quota_us', v2: 'cpu.max' });
  assert.equal(seen, version === '2' ? '50000 100000' : '50000');
});

behaviour('--cpus beyond what the host has is refused', async (subject) => {
  const { code, stderr } = await subject.run(['--cpus', '4096'], 'true');
  assert.equal(code, 125);
  assert.match(stderr, /range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs available/);
});

everywhereButCold(
  '--pids-limit holds',
  async (subject) => {
    assert.equal(await limit(subject, ['--pids-limit', '13'], PIDS), '13');
    const { stdout, stderr } = await subject.run(
      ['--pids-limit', '8'],
      'sh',
      '-c',
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; echo done',
    );
    assert.match(stdout + stderr, /can't fork/);
  },
  { runsc: "gVisor's own threads count, and there are more of them than such a limit allows" },
);

behaviour('by default as many files can be open as nothing but the machine bounds', async (subject) => {
  const here = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '';
  const expected = subject.isolation.name === 'container' ? here : '1048576';
  assert.equal(await subject.output([], 'sh', '-c', 'ulimit -Hn'), expected);
});

everywhereButCold('--ulimit sets soft and hard limit', async (subject) => {
  assert.equal(
    await subject.output(['--ulimit', 'nofile=123:456', '--ulimit', 'core=0'], 'sh', '-c', 'ulimit -n; ulimit -Hn; ulimit -c'),
    '123\n456\n0',
  );
});

everywhereButCold('--shm-size is the size of /dev/shm', async (subject) => {
  assert.equal(await subject.output(['--shm-size', '3m'], 'sh', '-c', 'df -k /dev/shm | tail -n 1 | { read a b c; echo $b; }'), '3072');
});

behaviour("--oom-score-adj is the process's", async (subject) => {
  assert.equal(await subject.output(['--oom-score-adj', '345'], 'cat', '/proc/self/oom_score_adj'), '345');
});
