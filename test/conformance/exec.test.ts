/** Processes added to a running container. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { until } from '../fixtures/until.ts';

const { behaviour, everywhere, everywhereButCold } = conformance();

const FAILED = 'OCI runtime exec failed: exec failed: unable to start container process: ';

function sleeping(subject: Subject, ...options: readonly string[]): Promise<string> {
  return subject.background(options, 'sleep', '1000');
}

everywhere('exec gives both outputs and the exit status', async (subject) => {
  await sleeping(subject);
  const { code, stdout, stderr } = await subject.exec([], 'sh', '-c', 'echo out; echo err >&2; exit 42');
  assert.deepEqual({ code, stdout, stderr }, { code: 42, stdout: 'out\n', stderr: 'err\n' });
});

behaviour('exec is in the container: its processes, files and name', async (subject) => {
  const id = await sleeping(subject);
  await subject.exec([], 'sh', '-c', 'echo here > /tmp/file');
  const { stdout } = await subject.exec([], 'sh', '-c', 'cat /tmp/file; hostname; cat /proc/1/cmdline | tr "\\0" " "');
  assert.equal(stdout, `here\n${id.slice(0, 12)}\nsleep 1000 `);
});

everywhereButCold('exec -i pipes the input through', async (subject) => {
  await sleeping(subject);
  const { code, stdout } = await subject.daemon.run(['exec', '-i', subject.name, 'sh', '-c', 'cat; echo end'], { input: 'one\ntwo' });
  assert.equal(code, 0);
  assert.equal(stdout, 'one\ntwoend\n');
});

everywhereButCold("exec -t gives a terminal of the client's size", async (subject) => {
  await sleeping(subject);
  const command = `stty rows 21 cols 68 -opost; docker exec -t ${subject.name} sh -c 'test -t 0 && test -t 1 && echo terminal; sleep 1; stty size; exit 4'; echo status $?`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    env: subject.daemon.environment,
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal(stdout, 'terminal\r\n21 68\r\nstatus 4\n');
});

everywhereButCold('exec -u, -w and -e', async (subject) => {
  await sleeping(subject, '-e', 'FROM=container', '-e', 'BOTH=container', '-w', '/home');
  const { code, stdout } = await subject.exec(
    ['-u', '12:34', '-w', '/tmp', '-e', 'BOTH=exec'],
    'sh',
    '-c',
    'id -u; id -g; pwd; echo $FROM $BOTH',
  );
  assert.equal(code, 0);
  assert.equal(stdout, '12\n34\n/tmp\ncontainer exec\n');
  assert.equal((await subject.exec([], 'pwd')).stdout, '/home\n');
});

everywhereButCold('exec takes the user of the container', async (subject) => {
  await sleeping(subject, '-u', 'abode');
  assert.equal((await subject.exec([], 'sh', '-c', 'id -un; echo $HOME')).stdout, 'abode\n/home/abode\n');
  assert.equal((await subject.exec(['-u', 'root'], 'id', '-un')).stdout, 'root\n');
});

behaviour('exec has the capabilities and the filter of the container', async (subject) => {
  await sleeping(subject, '--cap-drop', 'ALL', '--cap-add', 'NET_RAW', '--security-opt', 'no-new-privileges');
  const { stdout } = await subject.exec([], 'grep', '-E', '^(CapEff|CapBnd|NoNewPrivs|Seccomp):', '/proc/self/status');
  assert.equal(stdout, 'CapEff:\t0000000000002000\nCapBnd:\t0000000000002000\nNoNewPrivs:\t1\nSeccomp:\t2\n');
});

behaviour('exec is under the limits of the container', async (subject) => {
  await sleeping(subject, '-m', '48m');
  const { code, stdout } = await subject.exec([], 'sh', '-c', 'x=x; while :; do x=$x$x; done');
  assert.equal(code, 137);
  assert.equal(stdout, '');
  assert.equal(await subject.inspect('{{.State.Status}}'), 'running');
});

behaviour('exec -d goes on without its client', async (subject) => {
  await sleeping(subject);
  const { code, stdout } = await subject.exec(['-d'], 'sh', '-c', 'sleep 0.2; echo done > /tmp/done');
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
  await until(
    'the detached process has done its work',
    60_000,
    async () => (await subject.exec([], 'cat', '/tmp/done')).stdout === 'done\n',
  );
});

everywhere('exec of a command that is not there: 127', async (subject) => {
  await sleeping(subject);
  const { code, stdout } = await subject.exec([], 'nosuchcommand');
  assert.equal(code, 127);
  assert.match(stdout, new RegExp(`${FAILED}exec: "nosuchcommand": executable file not found in \\$PATH`));
});

everywhereButCold('exec of a path that is not there: 127', async (subject) => {
  await sleeping(subject);
  const { code, stdout } = await subject.exec([], '/no/such');
  assert.equal(code, 127);
  assert.match(stdout, new RegExp(`${FAILED}exec: "/no/such": stat /no/such: no such file or directory`));
});

everywhereButCold('exec of what cannot be executed: 126', async (subject) => {
  await sleeping(subject);
  const { code, stdout } = await subject.exec([], '/etc/passwd');
  assert.equal(code, 126);
  assert.match(stdout, new RegExp(`${FAILED}exec: "/etc/passwd": permission denied`));
});

behaviour('exec of a directory: 126', async (subject) => {
  await sleeping(subject);
  const { code, stdout } = await subject.exec([], '/etc');
  assert.equal(code, 126);
  assert.match(stdout, new RegExp(`${FAILED}exec: "/etc": is a directory: permission denied`));
});

behaviour('exec by an unknown user: 126, and why', async (subject) => {
  await sleeping(subject);
  const { code, stdout } = await subject.exec(['-u', 'nosuch'], 'true');
  assert.equal(code, 126);
  assert.match(stdout, /^unable to find user nosuch: no matching entries in passwd file\r?$/m);
});

behaviour('exec -w of a directory that is not there fails and makes none', async (subject) => {
  await sleeping(subject);
  const { code, stdout } = await subject.exec(['-w', '/no/where'], 'pwd');
  assert.equal(code, 127);
  assert.match(stdout, new RegExp(`${FAILED}chdir to cwd \\("/no/where"\\) set in config\\.json failed: no such file or directory`));
  assert.equal((await subject.exec([], 'ls', '-d', '/no')).code, 1);
});

behaviour('exec in a container that does not run is refused', async (subject) => {
  const id = await subject.create([], 'true');
  const { code, stderr } = await subject.exec([], 'true');
  assert.equal(code, 1);
  assert.equal(stderr, `Error response from daemon: container ${id} is not running\n`);
});

behaviour('exec in a container that nobody knows is refused', async (subject) => {
  const { code, stderr } = await subject.exec([], 'true');
  assert.equal(code, 1);
  assert.equal(stderr, `Error response from daemon: No such container: ${subject.name}\n`);
});

everywhereButCold(
  'an exec ends with its container: 137',
  async (subject) => {
    await sleeping(subject);
    const waiting = subject.exec([], 'sh', '-c', 'touch /tmp/up; sleep 1000');
    await until('the exec runs', 60_000, async () => (await subject.exec([], 'ls', '/tmp/up')).code === 0);
    await subject.daemon.docker('kill', subject.name);
    assert.equal((await waiting).code, 137);
  },
  { runsc: 'its process for the exec ends with 128 when the sandbox is gone, whatever ended that' },
);
