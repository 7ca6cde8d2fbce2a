import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifyRuntimeError, StartError } from './start-error.ts';

type Expected = readonly [exitCode: 126 | 127 | 128, reason: string];

const runc = (verb: string, reason: string): string =>
  `time="2026-11-25T00:15:22Z" level=error msg="${verb} failed: unable to start container process: ${reason.replaceAll('"', '\\"')}"`;

const runscRun = (reason: string): string => `running container: starting container: starting root container: starting sandbox: ${reason}`;
const runscExec = (command: string, reason: string): string =>
  `executing processes for container: executing command "${command}" in sandbox: ${reason}`;

/** What crun 1.8.1, runc 1.1.5 and runsc 20221219 say, each with what Docker makes of it. */
const cases: ReadonlyArray<readonly [command: string, text: string, expected: Expected]> = [
  [
    'nosuchcmd',
    'executable file `nosuchcmd` not found in $PATH: No such file or directory',
    [127, 'exec: "nosuchcmd": executable file not found in $PATH'],
  ],
  [
    '/no/such',
    'executable file `/no/such` not found in $PATH: No such file or directory',
    [127, 'exec: "/no/such": stat /no/such: no such file or directory'],
  ],
  [
    './rel',
    'executable file `./rel` not found in $PATH: No such file or directory',
    [127, 'exec: "./rel": stat ./rel: no such file or directory'],
  ],
  ['/etc/plain', 'open executable: Permission denied', [126, 'exec: "/etc/plain": permission denied']],
  ['/bin', 'open executable: Operation not permitted', [126, 'exec: "/bin": is a directory: permission denied']],
  ['', 'open executable: Operation not permitted', [127, 'exec: "": executable file not found in $PATH']],
  ['/etc/plain/x', 'open executable: Not a directory', [127, 'exec: "/etc/plain/x": stat /etc/plain/x: not a directory']],
  [
    '/bin/loop',
    'open executable: Too many levels of symbolic links',
    [128, 'exec: "/bin/loop": stat /bin/loop: too many levels of symbolic links'],
  ],
  ['/bin/secret', 'exec container process `/bin/secret`: Permission denied', [126, 'exec: "/bin/secret": permission denied']],
  ['/bin/garbage', 'exec container process `/bin/garbage`: Exec format error', [126, 'exec: "/bin/garbage": exec format error']],
  [
    'sleep',
    'chdir `/nocwd`: No such file or directory',
    [127, 'chdir to cwd ("/nocwd") set in config.json failed: no such file or directory'],
  ],
  ['sleep', 'chdir `/etc/plain`: Not a directory', [127, 'chdir to cwd ("/etc/plain") set in config.json failed: not a directory']],
  [
    'nosuchcmd',
    runc('runc run', 'exec: "nosuchcmd": executable file not found in $PATH'),
    [127, 'exec: "nosuchcmd": executable file not found in $PATH'],
  ],
  [
    '/no/such',
    runc('exec', 'exec: "/no/such": stat /no/such: no such file or directory'),
    [127, 'exec: "/no/such": stat /no/such: no such file or directory'],
  ],
  ['/etc/plain', runc('runc run', 'exec: "/etc/plain": permission denied'), [126, 'exec: "/etc/plain": permission denied']],
  ['/bin/secret', runc('runc run', 'exec /bin/secret: permission denied'), [126, 'exec: "/bin/secret": permission denied']],
  ['', runc('exec', 'exec: "": executable file not found in $PATH'), [127, 'exec: "": executable file not found in $PATH']],
  [
    '/etc/plain/x',
    runc('runc run', 'exec: "/etc/plain/x": stat /etc/plain/x: not a directory'),
    [127, 'exec: "/etc/plain/x": stat /etc/plain/x: not a directory'],
  ],
  [
    'sleep',
    runc('exec', 'chdir to cwd ("/etc/plain") set in config.json failed: not a directory'),
    [127, 'chdir to cwd ("/etc/plain") set in config.json failed: not a directory'],
  ],
  [
    'sleep',
    runc('runc run', 'error during container init: mkdir /etc/plain: not a directory'),
    [127, 'error during container init: mkdir /etc/plain: not a directory'],
  ],
  [
    'nosuchcmd',
    runscRun('error finding executable "nosuchcmd" in PATH [/usr/bin /bin]: no such file or directory'),
    [127, 'exec: "nosuchcmd": executable file not found in $PATH'],
  ],
  [
    '/no/such',
    runscRun('creating process: failed to load /no/such: no such file or directory'),
    [127, 'exec: "/no/such": stat /no/such: no such file or directory'],
  ],
  [
    '/no/such',
    runscExec('/no/such', 'failed to load /no/such: no such file or directory'),
    [127, 'exec: "/no/such": stat /no/such: no such file or directory'],
  ],
  ['/etc/plain', runscExec('/etc/plain', 'failed to load /etc/plain: permission denied'), [126, 'exec: "/etc/plain": permission denied']],
  [
    '/bin/garbage',
    runscRun('creating process: failed to load /bin/garbage: exec format error'),
    [126, 'exec: "/bin/garbage": exec format error'],
  ],
  [
    'sleep',
    runscExec('sleep', 'failed to find initial working directory "/nocwd": no such file or directory'),
    [127, 'chdir to cwd ("/nocwd") set in config.json failed: no such file or directory'],
  ],
];

test("each runtime's text becomes Docker's exit code and words", () => {
  for (const [command, text, [exitCode, reason]] of cases) {
    const error = classifyRuntimeError(text, command);
    assert.equal(error.exitCode, exitCode, text);
    assert.equal(
      error.message,
      `failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: ${reason}: unknown`,
    );
    assert.equal(error.code, exitCode === 128 ? 'internal' : 'invalid', text);
  }
});

test('a client that does not know directories still ends with 126', () => {
  for (const during of ['create', 'exec'] as const)
    assert.match(
      new StartError('not-executable', 'exec: "/etc": is a directory', during).message,
      /is a directory: permission denied: unknown$/,
    );
});

test('an exec is told as an exec', () => {
  const error = classifyRuntimeError('executable file `x` not found in $PATH: No such file or directory', 'x', 'exec');
  assert.equal(
    error.message,
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "x": executable file not found in $PATH: unknown',
  );
});

test('what the runtime says last counts, warnings before it do not', () => {
  const text = 'cgroups in hybrid mode not supported, drop all controllers from cgroupv2\nopen executable: Permission denied\n';
  assert.equal(classifyRuntimeError(text, '/x').exitCode, 126);
});

test('what has nothing to do with the command is the machine that failed, in its own words', () => {
  for (const text of [
    'mount `proc` to `proc`: Permission denied',
    'sd-bus call: Connection reset by peer',
    'write to `memory.max`: Invalid argument',
  ]) {
    const error = classifyRuntimeError(text, 'echo');
    assert.ok(error instanceof StartError);
    assert.deepEqual([error.exitCode, error.code], [128, 'internal'], text);
    assert.ok(error.message.includes(text), error.message);
  }
  assert.match(classifyRuntimeError('', 'echo').message, /the runtime gave no reason/);
});
