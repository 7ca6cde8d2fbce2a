/** What `docker run` asks for and gives back. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { conformance } from '../fixtures/conformance.ts';

const { behaviour, everywhere, everywhereButCold } = conformance();

everywhere("the exit status and both outputs are the process's own", async (subject) => {
  const { code, stdout, stderr } = await subject.run([], 'sh', '-c', 'echo out; echo err >&2; exit 7');
  assert.deepEqual({ code, stdout, stderr }, { code: 7, stdout: 'out\n', stderr: 'err\n' });
});

everywhereButCold('-i pipes the input through, and its end too', async (subject) => {
  const { code, stdout } = await subject.daemon.run(
    ['run', '--rm', '-i', ...subject.isolation.options, 'abode/base', 'sh', '-c', 'cat; echo end'],
    { input: 'one\ntwo\n' },
  );
  assert.equal(code, 0);
  assert.equal(stdout, 'one\ntwo\nend\n');
});

everywhereButCold('megabytes of input and output arrive whole', async (subject) => {
  const input = 'a line that is one of many and rather long, so that the pipes fill up\n'.repeat(60_000);
  const command = ['run', '--rm', '-i', ...subject.isolation.options, 'abode/base', 'sh', '-c', 'tee /tmp/in; sha256sum < /tmp/in >&2'];
  const { code, stdout, stderr } = await subject.daemon.run(command, { input });
  assert.equal(code, 0);
  assert.equal(stdout.length, input.length);
  assert.ok(stdout === input, 'the output is the input');
  assert.equal(stderr, `${createHash('sha256').update(input).digest('hex')}  -\n`);
});

everywhere("-t gives a terminal of the client's size", async (subject) => {
  const command = `stty rows 33 cols 77 -opost; docker run --rm -t ${subject.isolation.options.join(' ')} abode/base sh -c 'test -t 0 && test -t 2 && echo terminal; sleep 1; stty size; echo $TERM; exit 6'; echo status $?`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    env: subject.daemon.environment,
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal(stdout, 'terminal\r\n33 77\r\nxterm\r\nstatus 6\n');
});

everywhereButCold(
  '-t gives a terminal that has a name',
  async (subject) => {
    const command = `stty -opost; docker run --rm -t ${subject.isolation.options.join(' ')} abode/base tty`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      env: subject.daemon.environment,
      encoding: 'utf8',
      timeout: 120_000,
    });
    assert.equal(stdout, '/dev/pts/0\r\n');
  },
  { runsc: "gVisor takes the host's terminal as it is and has no name for it in its own /dev" },
);

everywhereButCold('-it sends what is typed to the process', async (subject) => {
  const command = `docker run --rm -it ${subject.isolation.options.join(' ')} abode/base sh -c 'read line; echo "<$line>"'`;
  const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], {
    env: subject.daemon.environment,
    encoding: 'utf8',
    timeout: 120_000,
    input: 'hello\n',
  });
  assert.equal(status, 0);
  assert.match(stdout, /<hello>\r\n/);
});

behaviour('-t without a terminal at the client is refused by the client', async (subject) => {
  const { code, stderr } = await subject.run(['-i', '-t'], 'true');
  assert.notEqual(code, 0);
  assert.match(stderr, /not a (TTY|terminal)/i);
});

behaviour('-d prints the id, the container goes on', async (subject) => {
  const id = await subject.background([], 'sleep', '1000');
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(await subject.inspect('{{.Id}} {{.State.Status}}'), `${id} running`);
});

behaviour('--rm removes the container when it ends', async (subject) => {
  await subject.output(['--name', subject.name], 'true');
  const { code, stderr } = await subject.docker('inspect', '--type', 'container', subject.name);
  assert.equal(code, 1);
  assert.match(stderr, /No such container/);
});

everywhereButCold('-e sets, replaces and passes on variables of the environment', async (subject) => {
  const output = await subject.output(['-e', 'A=b c', '-e', 'EMPTY=', '-e', 'HOME=/elsewhere'], 'env');
  const lines = output.split('\n').toSorted();
  const expected = ['A=b c', 'EMPTY=', 'HOME=/elsewhere', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('HOSTNAME=')),
    expected,
  );
  assert.match(output, /^HOSTNAME=[0-9a-f]{12}$/m);
});

behaviour('-e PATH is where the command is looked for', async (subject) => {
  assert.equal((await subject.run(['-e', 'PATH=/nowhere'], 'true')).code, 127);
});

everywhereButCold('-w is the working directory, made when it is missing', async (subject) => {
  assert.equal(await subject.output(['-w', '/tmp'], 'pwd'), '/tmp');
  assert.equal(await subject.output(['-w', '/made/on/the/way'], 'pwd'), '/made/on/the/way');
});

behaviour("--entrypoint replaces the image's, the arguments are the command's", async (subject) => {
  assert.equal(await subject.output(['--entrypoint', 'echo'], 'a', 'b  c'), 'a b  c');
});

behaviour('--hostname is the name inside, in the hosts file too', async (subject) => {
  const output = await subject.output(['--hostname', 'inside'], 'sh', '-c', 'hostname; cat /etc/hostname; grep -c inside /etc/hosts');
  assert.equal(output, 'inside\ninside\n1');
});

behaviour('without --hostname it is the beginning of the id', async (subject) => {
  const id = await subject.background([], 'sh', '-c', 'hostname; sleep 1000');
  await subject.logged(id.slice(0, 12));
});

behaviour('--name is refused when it is in use', async (subject) => {
  const id = await subject.create([], 'true');
  const { code, stderr } = await subject.run(['--name', subject.name], 'true');
  assert.equal(code, 125);
  const message = `docker: Error response from daemon: Conflict. The container name "/${subject.name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name`;
  assert.ok(stderr.startsWith(message), stderr);
});

behaviour('--init is PID 1, hands on the exit status and reaps orphans', async (subject) => {
  const command = ['sh', '-c', '(sleep 0.2 & exec true) ; sleep 1; echo $$; ps -o stat | grep -c Z; exit 5'];
  const { code, stdout } = await subject.run(['--init'], ...command);
  const [pid, zombies] = stdout.split('\n');
  assert.notEqual(pid, '1');
  assert.equal(zombies, '0');
  assert.equal(code, 5);
});

everywhereButCold('--init hands on signals', async (subject) => {
  await subject.background(['--init'], 'sh', '-c', 'trap "exit 12" TERM; echo up; while :; do sleep 0.1; done');
  await subject.logged('up');
  await subject.daemon.docker('stop', '-t', '60', subject.name);
  assert.equal(await subject.inspect('{{.State.ExitCode}}'), '12');
});

everywhereButCold('without --init the command is PID 1 and alone', async (subject) => {
  assert.equal(await subject.output([], 'sh', '-c', 'set -- /proc/[0-9]*; echo $$ $#'), '1 1');
});

behaviour('a variable of the host does not reach the container', async (subject) => {
  assert.equal((await subject.run([], 'sh', '-c', 'env | grep -c -E "DOCKER_HOST|ABODE"')).stdout, '0\n');
});
