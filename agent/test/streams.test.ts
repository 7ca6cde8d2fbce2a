import assert from 'node:assert/strict';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FrameType, STDERR, STDOUT } from '../../src/agent-client/frame.ts';
import { spawnPiped } from '../../src/base/process.ts';
import { RawClient } from './raw-client.ts';
import { PATIENCE_MS } from './exit.ts';
import { ShimFixture, STDIN_ONCE, STDIN_OPEN, until } from './shim-fixture.ts';

const options = { timeout: 3 * PATIENCE_MS };

const lines = (count: number): string => Array.from({ length: count }, (_, i) => `${String(i + 1)}\n`).join('');
const seq = (count: number): string => `seq ${String(count)}`;

test('a client attached before the start gets every byte, in the order that the protocol promises', options, async () => {
  await using shim = await ShimFixture.start();
  using client = await RawClient.open(shim.path('shim.sock'));
  client.request(FrameType.HELLO, 1);
  client.request(FrameType.ATTACH, 2, undefined, 1);
  client.request(FrameType.START_RUNTIME, 3, shim.commandFields(1, ['sh', '-c', 'echo out; echo err >&2; exit 3']), 1);
  await until(() => client.frames.at(-1)?.type === FrameType.EXIT, 'the exit');
  const order = client.names();
  assert.deepEqual(
    client.frames.slice(0, 3).map((frame) => [frame.type, frame.request]),
    [1, 2, 3].map((request) => [FrameType.OK, request]),
  );
  assert.deepEqual(order.slice(3).toSorted(), ['DATA 1', 'DATA 2', 'EOF 1', 'EOF 2', 'EXIT 0']);
  const data = client.frames.filter((frame) => frame.type === FrameType.DATA);
  assert.deepEqual(data.map((frame) => frame.payload.toString()).toSorted(), ['err\n', 'out\n']);
});

test('two clients get the same bytes, and each only the streams that it asked for', options, async () => {
  await using shim = await ShimFixture.start();
  const [both, errors] = await Promise.all([shim.attach(1), shim.attach(1, 1 << STDERR)]);
  await shim.shell(1, `${seq(200_000)}; ${seq(1000)} >&2`);
  await Promise.all([both.exit, errors.exit]);
  assert.ok(both.text(STDOUT) === lines(200_000), 'the lines printed');
  assert.ok(both.text(STDERR) === lines(1000), 'the lines printed');
  assert.ok(errors.text(STDERR) === lines(1000), 'the lines printed');
  assert.equal(errors.size(STDOUT), 0);
  assert.equal(errors.ended(STDOUT), false, 'the end of a stream that it did not ask for');
});

test('output is complete for all others and in the log when a client is killed in mid-output', options, async () => {
  await using shim = await ShimFixture.start();
  const survivor = await shim.attach(1);
  const victim = spawnPiped(process.execPath, [join(import.meta.dirname, 'reading-client.ts'), shim.path('shim.sock'), '1']);
  const [attached] = (await once(victim.stdout ?? assert.fail(), 'data')) as [Buffer];
  assert.equal(attached.toString(), 'attached\n');
  await shim.shell(1, `${seq(100_000)}; sleep 0.05; ${seq(200_000)} >&2`);
  await once(victim.stdout ?? assert.fail(), 'data'); // it has read something
  victim.kill('SIGKILL');
  assert.equal((await survivor.exit).exitCode, 0);
  assert.ok(survivor.text(STDOUT) === lines(100_000), 'the lines printed');
  assert.ok(survivor.text(STDERR) === lines(200_000), 'the lines printed');
  const log = await shim.log(1);
  const logged = (stream: string): string =>
    log
      .filter((record) => record.stream === stream)
      .map((record) => record.log)
      .join('');
  assert.ok(logged('stdout') === lines(100_000), 'the lines printed');
  assert.ok(logged('stderr') === lines(200_000), 'the lines printed');
});

test('a slow client stops its own process, nobody else, and nothing once it goes away', options, async () => {
  await using shim = await ShimFixture.start();
  const slow = await shim.attach(1);
  await shim.shell(1, 'yes $(seq 1000) | head -c 40000000; echo; echo end');
  slow.connection.pause();
  const logSize = async (): Promise<number> => (await stat(shim.path('1.log'))).size;
  let before = -1;
  await until(async () => {
    const now = await logSize();
    const stopped = now === before;
    before = now;
    if (!stopped) await new Promise((resolve) => setTimeout(resolve, 100));
    return stopped;
  }, 'the stop of the process');
  assert.equal(shim.exited(1), false);
  const other = await shim.attach(2);
  await shim.shell(2, seq(300_000));
  assert.equal((await other.exit).exitCode, 0);
  assert.ok(other.text() === lines(300_000), 'the lines printed');
  assert.equal(shim.exited(1), false, 'still held back');
  slow.connection.close();
  assert.equal((await shim.exit(1)).exitCode, 0);
  assert.equal((await shim.log(1)).at(-1)?.log, 'end\n');
});

test('a client that was slow and reads again gets every byte', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  await shim.shell(1, seq(1_000_000));
  client.connection.pause();
  await new Promise((resolve) => setTimeout(resolve, 200));
  client.connection.resume();
  assert.equal((await client.exit).exitCode, 0);
  assert.ok(client.text() === lines(1_000_000), 'the lines printed');
});

test('whoever attaches after the exit is told how it ended', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.shell(1, 'echo gone; exit 7');
  await shim.exit(1);
  const late = await shim.attach(1);
  assert.equal((await late.exit).exitCode, 7);
  assert.ok(late.ended(STDOUT) && late.ended(STDERR));
  assert.equal(late.size(), 0);
});

test('a client that attaches in mid-output continues without a gap', options, async () => {
  await using shim = await ShimFixture.start();
  const first = await shim.attach(1);
  await shim.shell(1, 'echo one; read go; echo two', { stdio: STDIN_OPEN });
  await until(() => first.text() === 'one\n', 'the first line');
  const second = await shim.attach(1);
  await first.write('\n');
  await Promise.all([first.exit, second.exit]);
  assert.equal(first.text(), 'one\ntwo\n');
  assert.equal(second.text(), 'two\n');
});

test('stdin arrives in order and its end ends it', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  const input = Buffer.from(lines(500_000));
  await shim.run(1, ['cat'], { stdio: STDIN_OPEN | STDIN_ONCE });
  await client.write(input);
  await client.endInput();
  assert.equal((await client.exit).exitCode, 0);
  assert.ok(client.output().equals(input));
});

test('stdin that is sent before the start waits for the process, its end too', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  await client.write('early\n');
  await client.endInput();
  await shim.run(1, ['cat'], { stdio: STDIN_OPEN | STDIN_ONCE });
  assert.equal((await client.exit).exitCode, 0);
  assert.equal(client.text(), 'early\n');
});

test('a process that does not read its stdin holds back the client and nothing is lost', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  await shim.shell(1, 'while [ ! -e "$0.go" ]; do sleep 0.02; done; wc -c'.replace('$0', shim.path('1')), {
    stdio: STDIN_OPEN | STDIN_ONCE,
  });
  const size = 8_000_000;
  let written = false;
  const writing = client.write(Buffer.alloc(size, 'x')).then(() => {
    written = true;
    return client.endInput();
  });
  await shim.shell(2, 'sleep 0.3');
  await shim.exit(2);
  assert.equal(written, false, 'eight megabytes fit nowhere on the way');
  await shim.shell(3, `touch ${shim.path('1.go')}`);
  await writing;
  await client.exit;
  assert.equal(client.text().trim(), String(size));
});

test('stdin without STDIN_ONCE outlives its client', options, async () => {
  await using shim = await ShimFixture.start();
  const first = await shim.attach(1);
  await shim.run(1, ['cat'], { stdio: STDIN_OPEN });
  await first.write('first\n');
  await first.endInput();
  await until(() => first.text() === 'first\n', 'the echo');
  first.connection.close();
  const second = await shim.attach(1);
  await second.write('second\n');
  await until(() => second.text() === 'second\n', 'the second echo');
  assert.equal(shim.exited(1), false);
});

test('with STDIN_ONCE stdin ends when its client is gone', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  await shim.run(1, ['cat'], { stdio: STDIN_OPEN | STDIN_ONCE });
  client.connection.close();
  assert.equal((await shim.exit(1)).exitCode, 0);
});

test("an exec's stdin ends when its client is gone", options, async () => {
  await using shim = await ShimFixture.start();
  await shim.shell(1, 'exec sleep 60');
  const client = await shim.attach(2);
  await shim.run(2, ['cat'], { stdio: STDIN_OPEN, join: 1 });
  client.connection.close();
  assert.equal((await shim.exit(2)).exitCode, 0);
});

test('input to a process without stdin is swallowed and holds back nobody', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  // Before the start it is held, as far as there is room for it.
  const early = client.write(Buffer.alloc(400_000));
  await shim.shell(1, 'cat; echo end');
  await early;
  await client.write(Buffer.alloc(400_000));
  assert.equal((await client.exit).exitCode, 0);
  assert.equal(client.text(), 'end\n');
});

test('others that hold the output open delay the exit for a while, not for ever', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  const started = Date.now();
  await shim.shell(1, 'sleep 30 & echo $!');
  assert.equal((await client.exit).exitCode, 0);
  const took = Date.now() - started;
  assert.ok(took >= 1500 && took < 10_000, `the exit came after ${String(took)} ms`);
  process.kill(Number(client.text()));
});

test('what survivors wrote within that while is delivered', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  await shim.shell(1, '(sleep 0.3; echo late) & echo early');
  await client.exit;
  assert.equal(client.text(), 'early\nlate\n');
});

test('an exec reads what is there and does not wait for survivors', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.shell(1, 'exec sleep 60');
  const client = await shim.attach(2);
  const started = Date.now();
  await shim.shell(2, `${seq(100_000)}; sleep 30 & echo $!`, { join: 1 });
  await client.exit;
  assert.ok(Date.now() - started < 1800);
  const printed = client.text().split('\n');
  assert.equal(printed.length, 100_002);
  process.kill(Number(printed.at(-2)));
});
