/** What a container printed, for those who look later and those who look on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { conformance } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

behaviour('logs keeps both outputs apart, and their order', async (subject) => {
  await subject.create([], 'sh', '-c', 'echo one; echo two >&2; echo three');
  await subject.docker('start', '-a', subject.name);
  const { code, stdout, stderr } = await subject.docker('logs', subject.name);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'one\nthree\n', stderr: 'two\n' });
});

behaviour('logs --tail gives the last lines', async (subject) => {
  await subject.create([], 'sh', '-c', 'for i in 1 2 3 4 5; do echo $i; done; printf no-newline');
  await subject.docker('start', '-a', subject.name);
  assert.equal((await subject.docker('logs', '--tail', '3', subject.name)).stdout, '4\n5\nno-newline');
  assert.equal((await subject.docker('logs', '--tail', '0', subject.name)).stdout, '');
  assert.equal((await subject.docker('logs', '--tail', '100', subject.name)).stdout, '1\n2\n3\n4\n5\nno-newline');
});

behaviour('logs -t puts the time before each line, and --since takes it', async (subject) => {
  await subject.create([], 'sh', '-c', 'echo first; sleep 1.2; echo second');
  await subject.docker('start', '-a', subject.name);
  const lines = (await subject.docker('logs', '-t', subject.name)).stdout.trimEnd().split('\n');
  assert.equal(lines.length, 2);
  for (const line of lines) assert.match(line, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z (first|second)$/);
  const [first = '', second = ''] = lines.map((line) => line.split(' ')[0] ?? '');
  assert.ok(first < second, 'times grow');
  assert.equal((await subject.docker('logs', '--since', second, subject.name)).stdout, 'second\n');
});

behaviour('logs -f shows what comes and ends with the container', async (subject) => {
  await subject.background([], 'sh', '-c', 'trap "echo end; exit 4" TERM; echo begin; while :; do sleep 0.1; done');
  await subject.logged('begin');
  const following = subject.docker('logs', '-f', subject.name);
  await subject.daemon.docker('stop', '-t', '60', subject.name);
  const { code, stdout } = await following;
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'begin\nend\n' });
});

behaviour('a long log arrives whole', async (subject) => {
  await subject.create([], 'seq', '1', '20000');
  await subject.docker('start', '-a', subject.name);
  const { stdout } = await subject.docker('logs', subject.name);
  assert.equal(stdout, Array.from({ length: 20_000 }, (_, index) => `${String(index + 1)}\n`).join(''));
});

behaviour('logs of a container that nobody knows', async (subject) => {
  const { code, stderr } = await subject.docker('logs', subject.name);
  assert.equal(code, 1);
  assert.equal(stderr, `Error response from daemon: No such container: ${subject.name}\n`);
});

behaviour('attach shows the output from then on and ends with the status', async (subject) => {
  await subject.background([], 'sh', '-c', 'trap "echo end; exit 4" TERM; echo begin; while :; do sleep 0.1; done');
  await subject.logged('begin');
  const client = subject.daemon.spawn('attach', '--no-stdin', '--sig-proxy=false', subject.name);
  let seen = '';
  client.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  const ended = once(client, 'close');
  await subject.daemon.docker('kill', '-s', 'TERM', subject.name);
  const [code] = (await ended) as [number];
  assert.deepEqual({ code, seen }, { code: 4, seen: 'end\n' });
});

behaviour('attach passes the input on, to all who look the output', async (subject) => {
  await subject.background(['-i'], 'sh', '-c', 'echo up; for i in 1 2; do read line; echo "<$line>"; done; exit 6');
  await subject.logged('up');
  const looking = subject.docker('logs', '-f', subject.name);
  const client = subject.daemon.spawn('attach', subject.name);
  let seen = '';
  client.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  const ended = once(client, 'close');
  // The input stays open: as with Docker its end would end the session.
  client.stdin?.write('one\ntwo\n');
  const [code] = (await ended) as [number];
  assert.deepEqual({ code, seen }, { code: 6, seen: '<one>\n<two>\n' });
  assert.equal((await looking).stdout, 'up\n<one>\n<two>\n');
});

behaviour('attach to what does not run is refused', async (subject) => {
  await subject.create([], 'true');
  const { code, stderr } = await subject.docker('attach', subject.name);
  assert.equal(code, 1);
  assert.match(stderr, /cannot attach to a stopped container, start it first/i);
});

behaviour('logs -f --until ends at that time, though the container is silent and goes on', async (subject) => {
  await subject.background([], 'sh', '-c', 'echo begin; sleep 1000');
  await subject.logged('begin');
  const until = String(Date.now() / 1000 + 2);
  const { code, stdout } = await subject.docker('logs', '-f', '--until', until, subject.name);
  assert.deepEqual({ code, stdout }, { code: 0, stdout: 'begin\n' });
  assert.ok(Date.now() / 1000 >= Number(until), 'not before');
  assert.equal(await subject.inspect('{{.State.Running}}'), 'true');
});
