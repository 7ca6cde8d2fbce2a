/** What cannot be done is refused with Docker's status and words, and leaves nothing. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { rawRequest } from '../fixtures/raw-request.ts';
import type { Finished } from '../fixtures/robust-daemon.ts';

const { behaviour, once, everywhere, everywhereButCold } = conformance();

const START =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: ';

/** The refusal, and that nothing is left of what was begun. */
async function refused(
  subject: Subject,
  { code, stdout, stderr }: Finished,
  expected: { code: number; message: string | RegExp },
): Promise<void> {
  assert.equal(stdout, '');
  if (typeof expected.message === 'string') assert.equal(stderr.split('\n')[0], `docker: Error response from daemon: ${expected.message}`);
  else assert.match(stderr, expected.message);
  assert.equal(code, expected.code);
  await nothingBegun(subject);
}

async function nothingBegun({ daemon }: Pick<Subject, 'daemon'>): Promise<void> {
  assert.equal(await daemon.docker('ps', '-aq'), '');
  assert.deepEqual(daemon.idsOnDisk(), []);
  assert.deepEqual(readdirSync(`${daemon.runDir}/c`), []);
}

everywhere('a command that is not there: 127', async (subject) => {
  await refused(subject, await subject.run([], 'nosuchcommand'), {
    code: 127,
    message: `${START}exec: "nosuchcommand": executable file not found in $PATH: unknown`,
  });
});

everywhereButCold('an empty command: 127', async (subject) => {
  await refused(subject, await subject.run([], ''), {
    code: 127,
    message: `${START}exec: "": executable file not found in $PATH: unknown`,
  });
});

everywhereButCold('a path that is not there: 127', async (subject) => {
  await refused(subject, await subject.run([], '/no/such'), {
    code: 127,
    message: `${START}exec: "/no/such": stat /no/such: no such file or directory: unknown`,
  });
});

everywhereButCold('a file that cannot be executed: 126', async (subject) => {
  await refused(subject, await subject.run([], '/etc/passwd'), {
    code: 126,
    message: `${START}exec: "/etc/passwd": permission denied: unknown`,
  });
});

behaviour('a directory as the command: 126', async (subject) => {
  await refused(subject, await subject.run([], '/etc'), {
    code: 126,
    message: `${START}exec: "/etc": is a directory: permission denied: unknown`,
  });
});

behaviour('a container whose command is not there stays as created, with the reason', async (subject) => {
  await subject.create([], '/no/such');
  const { code, stderr } = await subject.docker('start', subject.name);
  assert.equal(code, 1);
  assert.match(stderr, /exec: "\/no\/such": stat \/no\/such: no such file or directory/);
  const state = await subject.inspect('{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}');
  assert.ok(state.startsWith(`created 127 ${START}`), state);
});

everywhereButCold('an image that is not there: 125', async (subject) => {
  const result = await subject.docker('run', '--rm', '--pull', 'never', ...subject.isolation.options, 'no/such:image', 'true');
  await refused(subject, result, { code: 125, message: 'No such image: no/such:image' });
});

behaviour('a memory limit of one byte: 125', async (subject) => {
  await refused(subject, await subject.run(['-m', '1b'], 'true'), { code: 125, message: 'Minimum memory limit allowed is 6MB' });
});

behaviour('an unknown user: 125', async (subject) => {
  await refused(subject, await subject.run(['-u', 'nosuch'], 'true'), {
    code: 125,
    message: 'unable to find user nosuch: no matching entries in passwd file',
  });
});

behaviour('a relative working directory: 125', async (subject) => {
  const expected = "the working directory 'relative' is invalid, it needs to be an absolute path";
  await refused(subject, await subject.run(['-w', 'relative'], 'true'), { code: 125, message: expected });
});

behaviour('a sysctl that the kernel does not know fails', async (subject) => {
  await refused(subject, await subject.run(['--sysctl', 'net.no_such=1'], 'true'), { code: 125, message: /no_such/ });
});

behaviour('a name that is none: 125', async (subject) => {
  const expected = 'Invalid container name (-no), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed';
  await refused(subject, await subject.run(['--name=-no'], 'true'), { code: 125, message: expected });
});

behaviour("a process ended by a signal: 128 and the signal's number", async (subject) => {
  const { code, stdout } = await subject.run(['--init'], 'sh', '-c', 'sh -c "kill -9 \\$\\$"; echo $?; kill -TERM $$');
  assert.equal(stdout, '137\n');
  assert.equal(code, 143);
});

once('an unknown runtime: 125', async (daemon) => {
  const { code, stderr } = await daemon.run(['run', '--rm', '--runtime', 'nosuch', 'abode/base', 'true']);
  assert.equal(code, 125);
  assert.match(stderr, /^docker: Error response from daemon: unknown or invalid runtime name: nosuch$/m);
  await nothingBegun({ daemon });
});

once('a name of a shared VM that is none: 125', async (daemon) => {
  const { code, stderr } = await daemon.run(['run', '--rm', '--runtime', 'vm:no/such', 'abode/base', 'true']);
  assert.equal(code, 125);
  assert.match(stderr, /invalid VM name/i);
  await nothingBegun({ daemon });
  assert.deepEqual(
    (await daemon.vms()).map(({ name }) => name).filter((name) => name !== 'conf'),
    [],
  );
});

once('a request body that is cut short: 400', async (daemon) => {
  const body = '{"Image":"abode/base","Cmd":["tr';
  const whole = await rawRequest(
    daemon.socket,
    `POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\nConnection: close\r\n\r\n${body}`,
  );
  assert.equal(whole.status, 400);
  assert.match((JSON.parse(whole.body) as { message: string }).message, /JSON/);
  const short = await rawRequest(
    daemon.socket,
    `POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 4000\r\nConnection: close\r\n\r\n${body}`,
  );
  assert.equal(short.status, 400);
  assert.match((JSON.parse(short.body) as { message: string }).message, /unexpected EOF/);
  await nothingBegun({ daemon });
});

once('a body that is no JSON, of another type, or of wrong fields: 400', async (daemon) => {
  const post = (body: string, type = 'application/json'): ReturnType<typeof rawRequest> =>
    rawRequest(
      daemon.socket,
      `POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: ${type}\r\nContent-Length: ${String(body.length)}\r\nConnection: close\r\n\r\n${body}`,
    );
  assert.equal((await post('nonsense')).status, 400);
  assert.equal((await post('{"Image":7}')).status, 400);
  assert.equal((await post('{}', 'text/plain')).status, 400);
  await nothingBegun({ daemon });
});

once('a path that nobody serves: 404', async (daemon) => {
  const { status, body } = await rawRequest(daemon.socket, 'GET /v1.41/nosuch HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n');
  assert.equal(status, 404);
  assert.deepEqual(JSON.parse(body), { message: 'page not found' });
  // So that there is something to look for when all is over.
  await daemon.docker('run', '--rm', 'abode/base', 'true');
});
