import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType, STDERR, STDOUT } from '../../src/agent-client/frame.ts';
import { CrunFixture, missing } from './crun-fixture.ts';
import { PATIENCE_MS } from './exit.ts';
import { refused, STDIN_ONCE, STDIN_OPEN, TERMINAL, until } from './shim-fixture.ts';

const options = { timeout: 2 * PATIENCE_MS, skip: missing() };

test('a container: streams apart, its exit status, its clean-up', options, async () => {
  await using crun = await CrunFixture.start();
  const ended = once(crun.shim.process, 'exit');
  const client = await crun.shim.attach(1);
  await crun.run(['sh', '-c', 'echo out; echo err >&2; exit 5']);
  assert.deepEqual(await client.exit, { exitCode: 5, signal: 0, oom: 0 });
  assert.equal(client.text(STDOUT), 'out\n');
  assert.equal(client.text(STDERR), 'err\n');
  await crun.shim.request(FrameType.RELEASE, undefined, 1);
  assert.deepEqual(await ended, [0, null]);
});

test('a command that is not there is refused with the words of crun', options, async () => {
  await using crun = await CrunFixture.start();
  await refused(crun.run(['/nonexistent']), 'runtime', /nonexistent.*not found|No such file/);
});

test('a terminal: one stream, its size, and a size that changes', options, async () => {
  await using crun = await CrunFixture.start();
  const client = await crun.shim.attach(1);
  await crun.run(['sh', '-c', 'stty size; echo err >&2; read line; stty size; cat; echo end'], {
    stdio: TERMINAL | STDIN_OPEN,
    rows: 24,
    columns: 81,
  });
  await until(() => client.text().includes('err\r\n'), 'the first output');
  assert.equal(client.text(), '24 81\r\nerr\r\n');
  await crun.resize(1, 50, 132);
  await client.write('\n');
  await until(() => client.text().includes('50 132\r\n'), 'the second size');
  await client.write(Buffer.of(4)); // ^D
  assert.equal((await client.exit).exitCode, 0);
  assert.match(client.text(), /end\r\n$/);
  assert.equal(client.size(STDERR), 0);
});

test('a client that leaves a terminal hangs up nothing', options, async () => {
  await using crun = await CrunFixture.start();
  const first = await crun.shim.attach(1);
  await crun.run(['sh', '-c', 'trap "exit 9" INT; cat'], {
    stdio: TERMINAL | STDIN_OPEN | STDIN_ONCE,
  });
  await first.write('one\n');
  await until(() => first.text().includes('one\r\none\r\n'), 'the echo');
  await first.endInput();
  first.connection.close();
  const second = await crun.shim.attach(1);
  await second.write('two\n');
  await until(() => second.text().includes('two\r\ntwo\r\n'), 'the second echo');
  await second.write(Buffer.of(3)); // ^C
  assert.deepEqual(await second.exit, { exitCode: 9, signal: 0, oom: 0 });
});

test('an exec runs beside the init, with its own streams and status', options, async () => {
  await using crun = await CrunFixture.start();
  const init = await crun.shim.attach(1);
  await crun.run(['sh', '-c', 'while :; do sleep 1; done']);
  const [plain, terminal] = await Promise.all([crun.shim.attach(2), crun.shim.attach(3)]);
  await Promise.all([
    crun.exec(2, ['sh', '-c', 'cat; exit 3'], { stdio: STDIN_OPEN }),
    crun.exec(3, ['sh', '-c', 'read x; stty size; read x; stty size'], {
      stdio: TERMINAL | STDIN_OPEN,
      rows: 10,
      columns: 20,
    }),
  ]);
  await plain.write('through\n');
  await plain.endInput();
  assert.equal((await plain.exit).exitCode, 3);
  assert.equal(plain.text(), 'through\n');
  await terminal.write('\n');
  await until(() => terminal.text() === '\r\n10 20\r\n', 'the size');
  await crun.resize(3, 11, 21);
  await terminal.write('\n');
  assert.equal((await terminal.exit).exitCode, 0);
  assert.match(terminal.text(), /11 21\r\n$/);
  assert.equal(crun.shim.exited(1), false);
  await crun.shim.request(FrameType.SIGNAL, new FieldsBuilder().add(Tag.SIGNAL, 9), 1);
  assert.deepEqual(await init.exit, { exitCode: 137, signal: 9, oom: 0 });
});

test('execs end with their init', options, async () => {
  await using crun = await CrunFixture.start();
  await crun.run(['sh', '-c', 'while :; do sleep 1; done']);
  const exec = await crun.shim.attach(2);
  await crun.exec(2, ['sleep', '60']);
  await crun.shim.request(FrameType.SIGNAL, new FieldsBuilder().add(Tag.SIGNAL, 9), 1);
  assert.equal((await exec.exit).exitCode, 137);
});

test('an exec that nobody took note of does not keep the shim of a container that was released', options, async () => {
  await using crun = await CrunFixture.start();
  const ended = once(crun.shim.process, 'exit');
  const init = await crun.shim.attach(1);
  await crun.run(['sh', '-c', 'while :; do sleep 1; done']);
  const exec = await crun.shim.attach(2);
  await crun.exec(2, ['true']);
  await exec.exit;
  await crun.shim.request(FrameType.SIGNAL, new FieldsBuilder().add(Tag.SIGNAL, 9), 1);
  await init.exit;
  await crun.shim.request(FrameType.RELEASE, undefined, 1);
  assert.deepEqual(await ended, [0, null]);
});

test('the output of a terminal is complete when the process ends at once', options, async () => {
  await using crun = await CrunFixture.start();
  const client = await crun.shim.attach(1);
  await crun.run(['seq', '20000'], { stdio: TERMINAL });
  assert.equal((await client.exit).exitCode, 0);
  const expected = Array.from({ length: 20_000 }, (_, i) => `${String(i + 1)}\r\n`).join('');
  assert.ok(client.text() === expected, 'lines are missing');
});

test('a process that the kernel killed for its memory says so', options, async () => {
  await using crun = await CrunFixture.start();
  const client = await crun.shim.attach(1);
  await crun.run(['tail', '/dev/zero'], { memory: 32 << 20 });
  assert.deepEqual(await client.exit, { exitCode: 137, signal: 9, oom: 1 });
});

test('SHUTDOWN of a container that ignores it kills it', options, async () => {
  await using crun = await CrunFixture.start();
  const client = await crun.shim.attach(1);
  await crun.run(['sh', '-c', 'trap "" TERM; while :; do sleep 1; done']);
  const ended = once(crun.shim.process, 'exit');
  await crun.shim.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, 100));
  assert.equal((await client.exit).exitCode, 137);
  await ended;
});
