/** From create to rm. */
import assert from 'node:assert/strict';
import { conformance } from '../fixtures/conformance.ts';

const { behaviour, everywhere, everywhereButCold } = conformance();

const TRAP = (signal: string, status: number): string[] => [
  'sh',
  '-c',
  `trap "echo got ${signal}; exit ${String(status)}" ${signal}; echo up; while :; do sleep 0.1; done`,
];

everywhere('create makes it, start runs it, its end leaves it exited', async (subject) => {
  const id = await subject.create([], 'sh', '-c', 'echo ran; exit 3');
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.Pid}}'), 'created 0');
  assert.equal(await subject.daemon.docker('start', subject.name), subject.name);
  assert.equal(await subject.daemon.docker('wait', id.slice(0, 12)), '3');
  assert.equal(await subject.daemon.docker('logs', subject.name), 'ran');
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}} {{.State.Running}} {{.State.Pid}}'), 'exited 3 false 0');
});

behaviour('start -a shows the output and ends with the status', async (subject) => {
  await subject.create([], 'sh', '-c', 'echo ran; echo err >&2; exit 3');
  const { code, stdout, stderr } = await subject.docker('start', '-a', subject.name);
  assert.deepEqual({ code, stdout, stderr }, { code: 3, stdout: 'ran\n', stderr: 'err\n' });
});

behaviour('start of what runs changes nothing', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const before = await subject.inspect('{{.State.StartedAt}} {{.State.Pid}}');
  assert.equal(await subject.daemon.docker('start', subject.name), subject.name);
  assert.equal(await subject.inspect('{{.State.StartedAt}} {{.State.Pid}}'), before);
});

everywhere('stop sends SIGTERM and waits for the handler', async (subject) => {
  await subject.background([], ...TRAP('TERM', 9));
  await subject.logged('up');
  assert.equal(await subject.daemon.docker('stop', '-t', '60', subject.name), subject.name);
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}}'), 'exited 9');
  assert.match(await subject.daemon.docker('logs', subject.name), /^got TERM$/m);
});

everywhereButCold('stop kills what does not listen: 137', async (subject) => {
  await subject.background([], 'sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done');
  await subject.logged('up');
  await subject.daemon.docker('stop', '-t', '1', subject.name);
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}'), 'exited 137 false');
});

everywhereButCold('a process ended by SIGTERM: 143', async (subject) => {
  // A signal that comes before its PID 1 listens is lost, as it is to any PID 1.
  await subject.background(['--init'], 'sh', '-c', 'echo up; exec sleep 1000');
  await subject.logged('up');
  await subject.daemon.docker('stop', '-t', '60', subject.name);
  assert.equal(await subject.inspect('{{.State.ExitCode}}'), '143');
});

behaviour('--stop-signal is what stop sends', async (subject) => {
  await subject.background(['--stop-signal', 'USR2'], ...TRAP('USR2', 8));
  await subject.logged('up');
  await subject.daemon.docker('stop', '-t', '60', subject.name);
  assert.equal(await subject.inspect('{{.State.ExitCode}}'), '8');
});

behaviour('stop of what is stopped is fine', async (subject) => {
  await subject.output(['--name', `${subject.name}-other`], 'true');
  await subject.create([], 'true');
  await subject.daemon.docker('start', '-a', subject.name);
  assert.equal(await subject.daemon.docker('stop', subject.name), subject.name);
});

everywhereButCold('kill without -s: 137, at once', async (subject) => {
  await subject.background([], 'sh', '-c', 'trap "" TERM; sleep 1000');
  assert.equal(await subject.daemon.docker('kill', subject.name), subject.name);
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}}'), 'exited 137');
});

everywhereButCold('kill -s sends that signal, by name or number', async (subject) => {
  await subject.background([], 'sh', '-c', 'trap "echo one" USR1; trap "exit 5" HUP; echo up; while :; do sleep 0.1; done');
  await subject.logged('up');
  await subject.daemon.docker('kill', '-s', 'USR1', subject.name);
  await subject.logged('one');
  assert.equal(await subject.inspect('{{.State.Status}}'), 'running');
  await subject.daemon.docker('kill', '-s', '1', subject.name);
  assert.equal(await subject.daemon.docker('wait', subject.name), '5');
});

behaviour('kill with a signal that is none is refused', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const { code, stderr } = await subject.docker('kill', '-s', 'NOSUCH', subject.name);
  assert.equal(code, 1);
  assert.match(stderr, /^Error response from daemon: invalid signal: NOSUCH$/im);
});

behaviour('kill of what does not run is refused', async (subject) => {
  const id = await subject.create([], 'true');
  const { code, stderr } = await subject.docker('kill', subject.name);
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(`^Error response from daemon: cannot kill container: ${subject.name}: container ${id} is not running$`, 'im'),
  );
});

behaviour('wait gives the status to all who wait, and to those who come late', async (subject) => {
  await subject.background([], ...TRAP('TERM', 77));
  await subject.logged('up');
  const waiting = [subject.daemon.docker('wait', subject.name), subject.daemon.docker('wait', subject.name)];
  await subject.daemon.docker('kill', '-s', 'TERM', subject.name);
  assert.deepEqual(await Promise.all(waiting), ['77', '77']);
  assert.equal(await subject.daemon.docker('wait', subject.name), '77');
});

behaviour('rm of what runs is refused without -f', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const { code, stderr } = await subject.docker('rm', subject.name);
  assert.equal(code, 1);
  assert.equal(
    stderr,
    `Error response from daemon: cannot remove container "/${subject.name}": container is running: stop the container before removing or force remove\n`,
  );
  assert.equal(await subject.daemon.docker('rm', '-f', subject.name), subject.name);
  assert.match((await subject.docker('rm', subject.name)).stderr, new RegExp(`No such container: ${subject.name}`));
});

everywhereButCold('what a container wrote is there after stop and start, and gone with it', async (subject) => {
  await subject.background([], 'sh', '-c', 'cat /kept; sleep 1000');
  await subject.exec(
    [],
    'sh',
    '-c',
    'echo precious > /kept; mkdir -p /a/b; chown 12:34 /a/b; chmod 2750 /a/b; ln -s b /a/link; rm /etc/nsswitch.conf',
  );
  await subject.daemon.docker('stop', '-t', '1', subject.name);
  await subject.daemon.docker('start', subject.name);
  await subject.logged('precious');
  const { stdout } = await subject.exec(
    [],
    'sh',
    '-c',
    'stat -c "%u:%g %a" /a/b; readlink /a/link; ls /etc/nsswitch.conf 2>/dev/null | wc -l',
  );
  assert.equal(stdout, '12:34 2750\nb\n0\n');
  assert.equal(await subject.output([], 'sh', '-c', 'ls /kept 2>/dev/null | wc -l; ls /etc/nsswitch.conf'), '0\n/etc/nsswitch.conf');
});

behaviour("a killed container's files are there at the next start", async (subject) => {
  await subject.background([], 'sleep', '1000');
  await subject.exec([], 'sh', '-c', 'echo precious > /kept; sync');
  await subject.daemon.docker('kill', subject.name);
  await subject.daemon.docker('start', subject.name);
  assert.equal((await subject.exec([], 'cat', '/kept')).stdout, 'precious\n');
});

behaviour('restart runs it again', async (subject) => {
  await subject.background([], 'sh', '-c', 'echo run; exec sleep 1000');
  await subject.logged('run');
  await subject.daemon.docker('restart', '-t', '1', subject.name);
  await subject.logged('run');
  assert.equal(await subject.inspect('{{.State.Status}}'), 'running');
});

everywhereButCold('pause holds it, unpause lets it go on', async (subject) => {
  await subject.background([], 'sh', '-c', 'while :; do echo tick; sleep 0.1; done');
  await subject.logged('tick');
  await subject.daemon.docker('pause', subject.name);
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.Paused}}'), 'paused true');
  const { code, stderr } = await subject.exec([], 'true');
  assert.equal(code, 1);
  assert.match(stderr, /is paused, unpause the container before exec/);
  await subject.daemon.docker('unpause', subject.name);
  assert.equal((await subject.exec([], 'echo', 'alive')).stdout, 'alive\n');
});

behaviour('ps shows it and its filters find it', async (subject) => {
  const id = await subject.background(['--label', `mine=${subject.name}`], 'sleep', '1000');
  const ids = async (...filters: string[]): Promise<string[]> =>
    (await subject.daemon.docker('ps', '-q', '--no-trunc', ...filters.flatMap((filter) => ['--filter', filter])))
      .split('\n')
      .filter((line) => line !== '');
  for (const filter of [
    `name=${subject.name}`,
    `id=${id.slice(0, 8)}`,
    `label=mine=${subject.name}`,
    'status=running',
    'ancestor=abode/base',
  ])
    assert.deepEqual(await ids(filter), [id], filter);
  for (const filter of ['name=nosuch', 'label=mine=other', 'status=exited', 'status=paused'])
    assert.deepEqual(await ids(filter), [], filter);
  assert.equal(
    await subject.daemon.docker('ps', '--format', '{{.Names}} {{.Image}} {{.Command}} {{.State}}'),
    `${subject.name} abode/base "sleep 1000" running`,
  );
  await subject.daemon.docker('kill', subject.name);
  assert.deepEqual(await ids(), []);
  assert.equal(await subject.daemon.docker('ps', '-aq', '--no-trunc', '--filter', 'exited=137'), id);
  assert.match(await subject.daemon.docker('ps', '-a', '--format', '{{.Status}}'), /^Exited \(137\) /);
});
