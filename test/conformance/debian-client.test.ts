/** Debian's own docker client, which is years older than the API: whoever installs `docker.io` has it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { conformance } from '../fixtures/conformance.ts';
import { DEBIAN_CLIENT } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const { behaviour, once: onlyOnce } = conformance({ client: DEBIAN_CLIENT });

onlyOnce('it agrees with the daemon on the older of their versions', async (daemon) => {
  const own = execFileSync(DEBIAN_CLIENT, ['--version'], { encoding: 'utf8' });
  const [client = '', agreed = '', newest = ''] = (
    await daemon.docker('version', '--format', '{{.Client.Version}} {{.Client.APIVersion}} {{.Server.APIVersion}}')
  ).split(' ');
  assert.ok(own.startsWith(`Docker version ${client},`), own);
  const minor = (version: string): number => Number(/^1\.(\d+)$/.exec(version)?.[1]);
  assert.ok(minor(agreed) <= minor(newest), `${agreed} is not beyond ${newest}`);
  assert.match(
    await daemon.docker('info', '--format', '{{.DefaultRuntime}} {{range $name, $_ := .Runtimes}}{{$name}} {{end}}'),
    /^crun .*\bvm\b/,
  );
});

behaviour('run: outputs, input, exit status, environment, user', async (subject) => {
  const script = 'read line; echo "<$line> $A $(id -u) $PWD"; echo err >&2; exit 7';
  const { code, stdout, stderr } = await subject.daemon.run(
    ['run', '--rm', '-i', ...subject.isolation.options, '-e', 'A=b', '-u', '12:34', '-w', '/tmp', 'abode/base', 'sh', '-c', script],
    { input: 'typed\n' },
  );
  assert.deepEqual({ code, stdout, stderr }, { code: 7, stdout: '<typed> b 12 /tmp\n', stderr: 'err\n' });
});

behaviour("run -t: a terminal of the client's size", async (subject) => {
  const command = `stty rows 33 cols 77 -opost; ${DEBIAN_CLIENT} run --rm -t ${subject.isolation.options.join(' ')} abode/base sh -c 'tty; sleep 1; stty size; exit 6'; echo status $?`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    env: subject.daemon.environment,
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal(stdout, '/dev/pts/0\r\n33 77\r\nstatus 6\n');
});

behaviour('run of a command that is not there: 127, of what cannot be executed: 126', async (subject) => {
  const missing = await subject.run([], 'nosuchcommand');
  assert.match(missing.stderr, /exec: "nosuchcommand": executable file not found in \$PATH/);
  assert.equal(missing.code, 127);
  assert.equal((await subject.run([], '/etc/passwd')).code, 126);
  assert.equal((await subject.run([], '/etc')).code, 126);
});

behaviour('exec: outputs, input, exit status', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const { code, stdout, stderr } = await subject.daemon.run(
    ['exec', '-i', '-e', 'A=b', subject.name, 'sh', '-c', 'cat; echo $A; echo err >&2; exit 42'],
    {
      input: 'one\n',
    },
  );
  assert.deepEqual({ code, stdout, stderr }, { code: 42, stdout: 'one\nb\n', stderr: 'err\n' });
  assert.equal((await subject.exec([], 'nosuchcommand')).code, 127);
});

behaviour('logs: both outputs, the last lines, and what comes', async (subject) => {
  await subject.background([], 'sh', '-c', 'trap "echo end; exit 4" TERM; echo one; echo two >&2; echo up; while :; do sleep 0.1; done');
  await subject.logged('up');
  const { stdout, stderr } = await subject.docker('logs', subject.name);
  assert.deepEqual({ stdout, stderr }, { stdout: 'one\nup\n', stderr: 'two\n' });
  const following = subject.docker('logs', '-f', subject.name);
  assert.equal(await subject.daemon.docker('stop', '-t', '60', subject.name), subject.name);
  assert.equal((await following).stdout, 'one\nup\nend\n');
  assert.equal((await subject.docker('logs', '--tail', '1', subject.name)).stdout, 'end\n');
});

behaviour('ps and inspect: running, then exited', async (subject) => {
  const id = await subject.background(['-m', '64m', '--label', 'colour=blue'], 'sleep', '1000');
  const row = ['--no-trunc', '--format', '{{.ID}} {{.Names}} {{.Image}} {{.Command}} {{.State}} {{.Label "colour"}}'];
  assert.equal(await subject.daemon.docker('ps', ...row), `${id} ${subject.name} abode/base "sleep 1000" running blue`);
  const [, runtime = 'crun'] = subject.isolation.options;
  assert.equal(
    await subject.inspect('{{.Id}} {{.State.Running}} {{.HostConfig.Memory}} {{.HostConfig.Runtime}} {{.Config.Image}}'),
    `${id} true ${String(64 << 20)} ${runtime} abode/base`,
  );
  assert.match(await subject.inspect('{{.NetworkSettings.IPAddress}}'), /^\d+\.\d+\.\d+\.\d+$/);
  await subject.daemon.docker('kill', subject.name);
  assert.equal(await subject.daemon.docker('ps', '-q'), '');
  assert.match(
    await subject.daemon.docker('ps', '-a', '--filter', 'exited=137', '--format', '{{.Names}} {{.Status}}'),
    new RegExp(`^${subject.name} Exited \\(137\\) `),
  );
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}}'), 'exited 137');
});

behaviour('events: what is told while it looks on', async (subject) => {
  const client = subject.daemon.spawn('events', '--filter', `container=${subject.name}`, '--format', '{{.Action}}');
  const ended = once(client, 'close');
  let told = '';
  client.stdout?.setEncoding('utf8').on('data', (text: string) => (told += text));
  // Only what happens after it was answered is told: until then, something that changes nothing.
  await subject.create([], 'true');
  let name = 'a';
  await until('the client gets events', 60_000, async () => {
    name = name === 'a' ? 'b' : 'a';
    await subject.daemon.docker('rename', subject.name, `${subject.name}-${name}`);
    await subject.daemon.docker('rename', `${subject.name}-${name}`, subject.name);
    return told !== '';
  });
  await subject.daemon.docker('start', subject.name);
  await subject.daemon.docker('wait', subject.name);
  await subject.daemon.docker('rm', subject.name);
  await until('the client was told of the removal', 60_000, () => told.includes('destroy'));
  client.kill('SIGINT');
  await ended;
  assert.deepEqual(
    told.split('\n').filter((action) => ['start', 'die', 'destroy'].includes(action)),
    ['start', 'die', 'destroy'],
  );
});

behaviour('images: listed, tagged, run by the new name, saved, loaded, removed', async (subject) => {
  const { daemon, isolation, name } = subject;
  const id = await daemon.docker('images', '-q', '--no-trunc', 'abode/base');
  assert.match(id, /^sha256:[0-9a-f]{64}$/);
  const reference = `tagged:${name}`;
  await daemon.docker('tag', 'abode/base', reference);
  assert.equal(await daemon.docker('images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}', 'tagged'), `${reference} ${id}`);
  assert.equal(await daemon.docker('run', '--rm', ...isolation.options, reference, 'echo', 'hello'), 'hello');
  const archive = `${daemon.directory}/${name}.tar`;
  await daemon.docker('save', '-o', archive, reference);
  assert.match(await daemon.docker('rmi', reference), new RegExp(`^Untagged: ${reference}$`, 'm'));
  assert.equal(await daemon.docker('load', '-q', '-i', archive), `Loaded image: ${reference}`);
  await daemon.docker('rmi', reference);
  assert.equal(await daemon.docker('images', '-q', 'tagged'), '');
});
