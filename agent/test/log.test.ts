import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { PATIENCE_MS } from './exit.ts';
import { ShimFixture, STDIN_OPEN, until } from './shim-fixture.ts';

const options = { timeout: 2 * PATIENCE_MS };
const PIECE = 16_384;

/** Starts a process that prints exactly these bytes. */
async function print(shim: ShimFixture, proc: number, bytes: Buffer): Promise<void> {
  await writeFile(shim.path(`${String(proc)}.bytes`), bytes);
  await shim.run(proc, ['cat', shim.path(`${String(proc)}.bytes`)]);
  await shim.exit(proc);
}

test('the log has the fields of a json-file log and nothing else', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.shell(1, 'echo out; sleep 0.05; echo err >&2');
  await shim.exit(1);
  const records = await shim.log(1);
  assert.deepEqual(
    records.map(({ log, stream }) => ({ log, stream })),
    [
      { log: 'out\n', stream: 'stdout' },
      { log: 'err\n', stream: 'stderr' },
    ],
  );
  for (const { time } of records) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
});

test('a last line without its end is logged as it is', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.shell(1, 'printf "one\\ntwo"; printf "three" >&2');
  await shim.exit(1);
  const records = await shim.log(1);
  assert.deepEqual(
    records.filter((record) => record.stream === 'stdout').map((record) => record.log),
    ['one\n', 'two'],
  );
  assert.deepEqual(
    records.filter((record) => record.stream === 'stderr').map((record) => record.log),
    ['three'],
  );
});

test('every byte comes back as JSON: control characters, quotes, and what is not UTF-8 as U+FFFD', options, async () => {
  await using shim = await ShimFixture.start();
  const every = Buffer.from(Array.from({ length: 128 }, (_, i) => i).filter((byte) => byte !== 0x0a));
  await print(shim, 1, Buffer.concat([every, Buffer.from('\n')]));
  assert.equal((await shim.log(1))[0]?.log, `${every.toString('latin1')}\n`);

  const mixed = Buffer.concat([
    Buffer.from('é€😀'),
    Buffer.from([0xff, 0xc0, 0x80, 0xe2, 0x82, 0x41, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80, 0x0a]),
  ]);
  await print(shim, 2, mixed);
  const text = (await shim.log(2))[0]?.log ?? '';
  assert.ok(text.startsWith('é€😀'));
  assert.equal(text.slice('é€😀'.length), `${'\ufffd'.repeat(5)}A${'\ufffd'.repeat(7)}\n`);
});

test('a character that comes in two pieces is whole in the log', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.shell(1, 'printf "\\303"; sleep 0.1; printf "\\251\\n"');
  await shim.exit(1);
  assert.deepEqual(
    (await shim.log(1)).map((record) => record.log),
    ['é\n'],
  );
});

test('a line longer than 16 KiB is split, never within a character', options, async () => {
  await using shim = await ShimFixture.start();
  await print(shim, 1, Buffer.from(`${'x'.repeat(3 * PIECE + 5)}\nshort\n`));
  const pieces = (await shim.log(1)).map((record) => record.log);
  assert.deepEqual(
    pieces.map((piece) => piece.length),
    [PIECE, PIECE, PIECE, 6, 6],
  );
  assert.equal(pieces.join(''), `${'x'.repeat(3 * PIECE + 5)}\nshort\n`);

  await print(shim, 2, Buffer.from(`${'x'.repeat(PIECE - 1)}\nnext\n`));
  assert.deepEqual(
    (await shim.log(2)).map((record) => record.log.length),
    [PIECE, 5],
    'a line of exactly 16 KiB is one',
  );

  const wide = `a${'😀'.repeat(PIECE)}\n`;
  await print(shim, 3, Buffer.from(wide));
  const joined = (await shim.log(3)).map((record) => record.log).join('');
  assert.ok(joined === wide, 'a character was torn');
});

test('a line is in the log while the process still runs', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  await shim.shell(1, 'echo first; read wait', { stdio: STDIN_OPEN });
  await until(() => client.text() === 'first\n', 'the first line');
  assert.deepEqual(
    (await shim.log(1)).map((record) => record.log),
    ['first\n'],
    'written before it was sent',
  );
});

test('a log is rotated at its size, the oldest goes, no line is torn or lost', options, async () => {
  await using shim = await ShimFixture.start();
  const count = 5000;
  await shim.shell(1, `i=0; while [ $i -lt ${String(count)} ]; do echo "line $i"; i=$((i+1)); done`, { logSize: 100_000, logFiles: 3 });
  await shim.exit(1);
  const files = (await readdir(shim.directory)).filter((name) => name.startsWith('1.log')).toSorted();
  assert.deepEqual(files, ['1.log', '1.log.1', '1.log.2']);
  const records = [...(await shim.log(1, '.2')), ...(await shim.log(1, '.1')), ...(await shim.log(1))].map((record) => record.log);
  const first = count - records.length;
  assert.ok(first > 0, 'something was dropped');
  assert.deepEqual(
    records,
    Array.from({ length: records.length }, (_, i) => `line ${String(first + i)}\n`),
  );
  for (const name of ['1.log.1', '1.log.2']) {
    const { length } = await readFile(shim.path(name));
    assert.ok(length >= 100_000 && length < 100_200, `${name} has ${String(length)} bytes`);
  }
});

test('attributes stand in every line, before its time; such as are too long are refused', options, async () => {
  await using shim = await ShimFixture.start();
  const attributes = { a: 'x'.repeat(16_000), b: '"' };
  await shim.shell(1, 'echo one; echo two', { logAttributes: JSON.stringify(attributes) });
  await shim.exit(1);
  const lines = (await readFile(shim.path('1.log'), 'utf8')).trimEnd().split('\n');
  assert.equal(lines.length, 2);
  for (const line of lines) {
    const { attrs } = JSON.parse(line) as { attrs: unknown };
    assert.deepEqual(attrs, attributes);
    assert.match(line, /","stream":"stdout","attrs":\{"a":"x+","b":"\\""\},"time":"[^"]+"\}$/);
  }
  await assert.rejects(shim.shell(2, 'true', { logAttributes: 'x'.repeat(16_385) }), /the attributes of log .* are too long/);
});

test('a log with one file starts anew', options, async () => {
  await using shim = await ShimFixture.start();
  await shim.shell(1, 'seq 10000', { logSize: 50_000, logFiles: 1 });
  await shim.exit(1);
  const files = (await readdir(shim.directory)).filter((name) => name.startsWith('1.log'));
  assert.deepEqual(files, ['1.log']);
  await print(shim, 2, Buffer.from('end\n'));
  assert.deepEqual(
    (await shim.log(2)).map((record) => record.log),
    ['end\n'],
  );
});

test('a log that is there already is continued', options, async () => {
  await using shim = await ShimFixture.start();
  await writeFile(shim.path('1.log'), '{"log":"before\\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}\n');
  await shim.shell(1, 'echo after');
  await shim.exit(1);
  assert.deepEqual(
    (await shim.log(1)).map((record) => record.log),
    ['before\n', 'after\n'],
  );
});
