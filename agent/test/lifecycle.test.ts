import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { test } from 'node:test';
import { AgentConnection } from '../../src/agent-client/connection.ts';
import { type Fields, FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType } from '../../src/agent-client/frame.ts';
import { readExitRecord } from '../../src/sandbox/exit-record.ts';
import { PATIENCE_MS } from './exit.ts';
import { refused, ShimFixture, until } from './shim-fixture.ts';

const options = { timeout: 2 * PATIENCE_MS };

const signalFields = (signal: number): FieldsBuilder => new FieldsBuilder().add(Tag.SIGNAL, signal);

interface State {
  readonly state: number;
  readonly pid: number;
  readonly exitCode: number;
  readonly signal: number;
}

function states(answer: Fields): Map<number, State> {
  return new Map(
    answer.all(Tag.STATE_ENTRY).map((entry) => [
      entry.readUInt32LE(0),
      {
        state: entry.readUInt32LE(4),
        pid: entry.readUInt32LE(8),
        exitCode: entry.readUInt32LE(12),
        signal: entry.readUInt32LE(16),
      },
    ]),
  );
}

test('the exit is on the disk before it is told', options, async () => {
  await using shim = await ShimFixture.start();
  const before = Date.now();
  await shim.shell(1, 'exit 42');
  await shim.exit(1);
  const record = await readExitRecord(shim.path('1.exit'));
  assert.equal(record?.exitCode, 42);
  assert.equal(record.oomKilled, false);
  assert.match(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  assert.ok(Math.abs(Date.parse(record.time) - before) < PATIENCE_MS);
});

test('a signal reaches the process and its exit says so', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.run(1, ['sleep', '60']);
  await shim.request(FrameType.SIGNAL, signalFields(9), 1);
  assert.deepEqual(await shim.exit(1), { exitCode: 137, signal: 9, oom: 0 });
  await shim.shell(2, 'trap "exit 5" TERM; echo ready; while :; do sleep 0.01; done');
  await until(async () => (await shim.log(2)).length > 0, 'the trap');
  await shim.request(FrameType.SIGNAL, signalFields(15), 2);
  assert.deepEqual(await shim.exit(2), { exitCode: 5, signal: 0, oom: 0 });
});

test('a signal that is none, or to a process that is none, is refused', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.run(1, ['sleep', '60']);
  await refused(shim.request(FrameType.SIGNAL, signalFields(0), 1), 'invalid', /signal 0/);
  await refused(shim.request(FrameType.SIGNAL, signalFields(65), 1), 'invalid', /signal 65/);
  await refused(shim.request(FrameType.SIGNAL, signalFields(15), 2), 'not-found', /process 2/);
  await refused(shim.request(FrameType.RESIZE, undefined, 2), 'not-found', /process 2/);
  await refused(shim.request(FrameType.RELEASE, undefined, 2), 'not-found', /process 2/);
});

test('a runtime that fails is refused with its own words and leaves the number free', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.run(2, ['sleep', '60']); // the shim stays
  const fields = (script: string): FieldsBuilder => shim.startFields(1).addAll(Tag.ARG, ['sh', '-c', script]);
  await refused(shim.request(FrameType.START_RUNTIME, fields('echo "no such thing" >&2; exit 1'), 1), 'runtime', /^no such thing$/);
  await refused(shim.request(FrameType.START_RUNTIME, fields('exit 1'), 1), 'runtime', /without a word/);
  await refused(shim.request(FrameType.START_RUNTIME, fields('kill -9 $$'), 1), 'runtime', /./);
  await refused(shim.request(FrameType.START_RUNTIME, fields('exit 0'), 1), 'runtime', /no pid/);
  await refused(
    shim.request(FrameType.START_RUNTIME, shim.startFields(1).addAll(Tag.ARG, ['/nonexistent/runtime']), 1),
    'runtime',
    /nonexistent/,
  );
  await shim.shell(1, 'exit 4');
  assert.equal((await shim.exit(1)).exitCode, 4);
});

test('a start without a command, a pid file or a number, or of a number in use, is refused', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.run(2, ['sleep', '60']);
  await refused(shim.request(FrameType.START_RUNTIME, shim.startFields(1), 1), 'invalid', /./);
  await refused(shim.request(FrameType.START_RUNTIME, new FieldsBuilder().add(Tag.ARG, 'true'), 1), 'invalid', /PID_FILE/);
  await refused(shim.request(FrameType.START_RUNTIME, shim.commandFields(1, ['true'])), 'invalid', /./);
  await shim.run(1, ['sleep', '60']);
  await refused(shim.shell(1, 'true'), 'invalid', /process 1/);
  assert.equal(states(await shim.request(FrameType.STATE)).get(1)?.state, 1, 'the first still runs');
});

test('a shim whose only start failed ends', options, async () => {
  await using shim = await ShimFixture.start();
  const ended = once(shim.process, 'exit');
  await refused(shim.request(FrameType.START_RUNTIME, shim.startFields(1).addAll(Tag.ARG, ['false']), 1), 'runtime', /./);
  assert.deepEqual(await ended, [0, null]);
});

test('a log that cannot be written refuses the start', options, async () => {
  await using shim = await ShimFixture.start();
  const fields = new FieldsBuilder().addAll(Tag.ARG, ['true']).add(Tag.PID_FILE, shim.path('pid')).add(Tag.LOG_PATH, '/nonexistent/log');
  await refused(shim.request(FrameType.START_RUNTIME, fields, 1), 'system', /nonexistent\/log/);
});

test('STATE knows what runs and how it ended until it is released', options, async () => {
  await using shim = await ShimFixture.start();
  const answer = await shim.request(FrameType.STATE);
  assert.equal(answer.number(Tag.PID), shim.process.pid);
  const pid = await shim.run(1, ['sleep', '60']);
  await shim.shell(2, 'exit 9');
  await shim.exit(2);
  const known = states(await shim.request(FrameType.STATE));
  assert.deepEqual(known.get(1), { state: 1, pid, exitCode: 0, signal: 0 });
  assert.equal(known.get(2)?.state, 2);
  assert.equal(known.get(2)?.exitCode, 9);
  await refused(shim.request(FrameType.RELEASE, undefined, 1), 'invalid', /still runs/);
  await shim.request(FrameType.RELEASE, undefined, 2);
  assert.deepEqual([...states(await shim.request(FrameType.STATE)).keys()], [1]);
});

test('RELEASE is answered after the clean-up command ended', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.run(1, ['sleep', '60']); // the shim stays
  await shim.shell(2, 'true', {
    cleanup: ['sh', '-c', `sleep 0.2; touch ${shim.path('cleaned')}`],
  });
  await shim.exit(2);
  await shim.request(FrameType.RELEASE, undefined, 2);
  await access(shim.path('cleaned'));
});

test('without its daemon the shim goes on; the next one learns all', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.shell(1, 'sleep 0.1; echo late; exit 6');
  shim.control.close();
  await until(async () => (await readExitRecord(shim.path('1.exit'))) !== undefined, 'the exit record');
  assert.deepEqual(
    (await shim.log(1)).map((record) => record.log),
    ['late\n'],
  );
  const next = await AgentConnection.open(shim.path('shim.sock'));
  assert.equal(states(await next.request(FrameType.STATE)).get(1)?.exitCode, 6);
  const ended = once(shim.process, 'exit');
  await next.request(FrameType.RELEASE, undefined, 1);
  await ended;
});

test('the shim ends after its last process was released, its socket with it', options, async () => {
  await using shim = await ShimFixture.start();
  const ended = once(shim.process, 'exit');
  await shim.shell(1, 'true');
  await shim.exit(1);
  assert.equal(shim.ended, false);
  await shim.request(FrameType.RELEASE, undefined, 1);
  assert.deepEqual(await ended, [0, null]);
  await assert.rejects(access(shim.path('shim.sock')));
});

test('SHUTDOWN asks, then kills, then the shim ends', options, async () => {
  await using shim = await ShimFixture.start();
  const ended = once(shim.process, 'exit');
  const client = await shim.attach(1);
  await shim.shell(1, 'trap "echo asked" TERM; echo ready; while :; do sleep 0.01; done');
  await until(() => client.text() === 'ready\n', 'the trap');
  await shim.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, 300));
  assert.deepEqual(await client.exit, { exitCode: 137, signal: 9, oom: 0 });
  assert.equal(client.text(), 'ready\nasked\n');
  await ended;
});

test('many short processes at once: no exit is lost', options, async () => {
  await using shim = await ShimFixture.start();
  const numbers = Array.from({ length: 100 }, (_, i) => i + 1);
  await Promise.all(numbers.map((proc) => shim.run(proc, ['sh', '-c', `exit ${String(proc)}`])));
  const exits = await Promise.all(numbers.map((proc) => shim.exit(proc)));
  assert.deepEqual(
    exits.map((exit) => exit.exitCode),
    numbers,
  );
});

test('a process that its runtime reaped itself is no process that runs for ever', options, async () => {
  await using shim = await ShimFixture.start();
  const script = `exit 3 & wait; echo $! > ${shim.path('1.pid')}`;
  await shim.request(FrameType.START_RUNTIME, shim.startFields(1).addAll(Tag.ARG, ['sh', '-c', script]), 1);
  assert.equal((await shim.exit(1)).exitCode, 255);
});

test('the shim hands nothing of its own to what it starts', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  await shim.shell(1, 'ls /proc/self/fd; grep -E "^Sig(Blk|Ign)" /proc/self/status');
  await client.exit;
  assert.deepEqual(client.text().split('\n'), ['0', '1', '2', '3', 'SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000', '']);
});
