import assert from 'node:assert/strict';
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { withDeadline } from '../base/deadline.ts';
import type { LogEntry, LogOptions } from './api.ts';
import { readLog } from './log-reader.ts';

const PATIENCE_MS = 20_000;
const options = { timeout: 3 * PATIENCE_MS };
const BEGIN = Date.parse('2026-01-02T03:04:05Z') / 1000;

interface Entry {
  readonly log: string;
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
}

const all = (more: Partial<LogOptions> = {}): LogOptions => ({
  stdout: true,
  stderr: true,
  follow: false,
  signal: new AbortController().signal,
  ...more,
});
const entry = (index: number, text = `line ${String(index)}\n`, stream: Entry['stream'] = 'stdout'): Entry => ({
  log: text,
  stream,
  time: `${new Date((BEGIN + Math.floor(index / 10)) * 1000).toISOString().slice(0, 19)}.${String(index % 10)}00000000Z`,
});
const encode = (entries: readonly Entry[]): string => entries.map((line) => `${JSON.stringify(line)}\n`).join('');
const text = (read: LogEntry): string => read.data.toString();

async function* eachOf(many: AsyncIterable<LogEntry[]>): AsyncGenerator<LogEntry> {
  for await (const entries of many) yield* entries;
}

/** A log as the shim writes it (agent/src/log_file.c): rotated by renaming, the oldest goes. */
class Log implements AsyncDisposable {
  readonly directory: string;
  readonly maxFiles: number;
  #ended: () => void = () => undefined;
  readonly ended: Promise<void>;

  private constructor(directory: string, maxFiles: number) {
    this.directory = directory;
    this.maxFiles = maxFiles;
    this.ended = new Promise((resolve) => (this.#ended = resolve));
  }

  static async create(maxFiles = 3, created = true): Promise<Log> {
    const log = new Log(await mkdtemp(join(tmpdir(), 'abode-log-')), maxFiles);
    if (created) log.append('');
    return log;
  }

  get path(): string {
    return join(this.directory, 'x-json.log');
  }

  append(bytes: string): void {
    appendFileSync(this.path, bytes);
  }

  rotate(): void {
    for (let index = this.maxFiles - 1; index > 1; index -= 1) {
      try {
        renameSync(`${this.path}.${String(index - 1)}`, `${this.path}.${String(index)}`);
      } catch {
        // As many files as there are yet.
      }
    }
    if (this.maxFiles > 1) renameSync(this.path, `${this.path}.1`);
    else rmSync(this.path);
    writeFileSync(this.path, '');
  }

  end(): void {
    this.#ended();
  }

  read(more: Partial<LogOptions> = {}): AsyncGenerator<LogEntry> {
    return eachOf(readLog(this, all(more)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

const collect = (entries: AsyncGenerator<LogEntry>): Promise<LogEntry[]> =>
  withDeadline(Array.fromAsync(entries), PATIENCE_MS, 'the end of the log');

/** Follows in the background and keeps what came. */
class Follower {
  readonly lines: string[] = [];
  readonly done: Promise<void>;

  constructor(entries: AsyncGenerator<LogEntry>) {
    this.done = (async () => {
      for await (const read of entries) this.lines.push(text(read));
    })();
    this.done.catch(() => undefined); // told to whoever awaits it
  }

  async has(count: number): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.lines.length < count) {
      assert.ok(Date.now() < deadline, `${String(this.lines.length)} lines, expected ${String(count)}`);
      await Promise.race([sleep(5), this.done]);
    }
  }

  end(): Promise<void> {
    return withDeadline(this.done, PATIENCE_MS, 'the end of the log');
  }
}

interface Query {
  readonly tail: number | undefined;
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** The last lines of all, of which those that are asked for: the shortest way to say it. */
function naively(files: ReadonlyArray<readonly Entry[]>, { tail, since, until, stdout, stderr }: Query): Entry[] {
  const lines = files.flat();
  const seconds = ({ time }: Entry): number => Date.parse(time) / 1000;
  return lines
    .slice(tail === undefined ? 0 : Math.max(0, lines.length - tail))
    .filter(({ stream }) => (stream === 'stdout' ? stdout : stderr))
    .filter((line) => (since === undefined || seconds(line) >= since) && (until === undefined || seconds(line) <= until));
}

test('any log, in any number of files, is read as the shortest reader would', options, async () => {
  const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
  const moment = optional(fc.integer({ min: -5, max: 45 }).map((tenths) => BEGIN + tenths / 10));
  const sizes = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 4 });
  const content = fc.string({ unit: 'grapheme', maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      sizes.chain((counts) =>
        fc.tuple(
          fc.tuple(...counts.map((count) => fc.array(fc.tuple(content, fc.boolean()), { minLength: count, maxLength: count }))),
          fc.record(
            { tail: optional(fc.nat({ max: 30 })), since: moment, until: moment, stdout: fc.boolean(), stderr: fc.boolean() },
            { noNullPrototype: true },
          ),
          fc.constantFrom('', '{"log":"half a l'),
        ),
      ),
      async ([contents, query, partial]) => {
        let index = 0;
        const files = contents.map((lines) => lines.map(([line, out]) => entry(index++, `${line}\n`, out ? 'stdout' : 'stderr')));
        await using log = await Log.create(files.length);
        for (const [number, lines] of files.entries()) {
          if (number > 0) log.rotate();
          log.append(encode(lines));
        }
        log.append(partial);
        const wanted = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
        const read = await collect(log.read(wanted));
        assert.deepEqual(
          read.map((line) => ({ log: text(line), stream: line.stream, time: line.time })),
          naively(files, query),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test('the end of a log of many blocks begins at a whole line, wherever the blocks meet', options, async () => {
  await using log = await Log.create(2);
  // Lines of several lengths, one longer than a block, over 900 KB.
  const lines = Array.from({ length: 600 }, (_, index) => entry(index, `${'x'.repeat(index === 300 ? 400_000 : (index * 37) % 1700)}\n`));
  log.append(encode(lines.slice(0, 250)));
  log.rotate();
  log.append(encode(lines.slice(250)));
  for (const tail of [0, 1, 2, 100, 299, 300, 301, 349, 350, 351, 599, 600, 10_000]) {
    const read = await collect(log.read({ tail }));
    assert.ok(
      read.map(text).join('') ===
        lines
          .slice(Math.max(0, lines.length - tail))
          .map((line) => line.log)
          .join(''),
      `the last ${String(tail)}`,
    );
  }
});

test('what is written for ever does not keep a reader that does not follow', options, async () => {
  await using log = await Log.create();
  log.append(encode([entry(0), entry(1)]));
  let next = 2;
  const seen: string[] = [];
  for await (const read of log.read()) {
    seen.push(text(read));
    log.append(encode([entry(next++)]));
    assert.ok(seen.length < 100, 'no end');
  }
  assert.deepEqual(seen, ['line 0\n', 'line 1\n']);
});

test('a log that was never written is empty, followed or not', options, async () => {
  await using log = await Log.create(1, false);
  log.end();
  assert.deepEqual(await collect(log.read()), []);
  assert.deepEqual(await collect(log.read({ tail: 5 })), []);
  assert.deepEqual(await collect(log.read({ follow: true })), []);
});

test('a log that begins only after its follower is followed', options, async () => {
  await using log = await Log.create(1, false);
  const follower = new Follower(log.read({ follow: true }));
  await sleep(20);
  log.append(encode([entry(0)]));
  await follower.has(1);
  log.end();
  await follower.end();
});

test('a line that a full disk cut short costs itself and what was joined to it, nothing else', options, async () => {
  await using log = await Log.create();
  log.append(`${encode([entry(0)])}{"log":"cut sho${encode([entry(1)])}not json\n${encode([entry(2)])}`);
  assert.deepEqual((await collect(log.read())).map(text), ['line 0\n', 'line 2\n']);
});

test('a follower gets what was there, then what comes, and ends with the writer', options, async () => {
  await using log = await Log.create();
  log.append(encode([entry(0), entry(1)]));
  const follower = new Follower(log.read({ follow: true, tail: 1 }));
  await follower.has(1);
  log.append(encode([entry(2)]));
  await follower.has(2);
  log.append(encode([entry(3)]));
  log.end();
  await follower.end();
  assert.deepEqual(follower.lines, ['line 1\n', 'line 2\n', 'line 3\n']);
});

test('a line that is being written comes when it is whole', options, async () => {
  await using log = await Log.create();
  const line = encode([entry(0, 'é €\n')]);
  const bytes = Buffer.from(line);
  const follower = new Follower(log.read({ follow: true }));
  for (const [from, to] of [
    [0, 10],
    [10, 13],
    [13, bytes.length - 1],
  ] as const) {
    appendFileSync(log.path, bytes.subarray(from, to));
    await sleep(30);
    assert.deepEqual(follower.lines, []);
  }
  appendFileSync(log.path, bytes.subarray(-1));
  await follower.has(1);
  log.end();
  await follower.end();
  assert.deepEqual(follower.lines, ['é €\n']);
});

test('with --tail 0 a follower that came in the middle of a line gets that line', options, async () => {
  await using log = await Log.create();
  const line = encode([entry(1)]);
  log.append(encode([entry(0)]) + line.slice(0, 9));
  const follower = new Follower(log.read({ follow: true, tail: 0 }));
  await sleep(30);
  log.append(line.slice(9));
  await follower.has(1);
  log.end();
  await follower.end();
  assert.deepEqual(follower.lines, ['line 1\n']);
});

test('a rotation between two looks loses nothing: neither the last lines before it nor the first after', options, async () => {
  for (const maxFiles of [1, 2, 3]) {
    await using log = await Log.create(maxFiles);
    log.append(encode([entry(0)]));
    const follower = new Follower(log.read({ follow: true }));
    await follower.has(1);
    log.append(encode([entry(1), entry(2)]));
    log.rotate();
    log.append(encode(Array.from({ length: 20 }, (_, index) => entry(3 + index))));
    await follower.has(23);
    log.append(encode([entry(23)]));
    log.rotate();
    log.end();
    await follower.end();
    assert.deepEqual(
      follower.lines,
      Array.from({ length: 24 }, (_, index) => `line ${String(index)}\n`),
      `${String(maxFiles)} files`,
    );
  }
});

test('several rotations at once are followed through every file', options, async () => {
  await using log = await Log.create(5);
  const follower = new Follower(log.read({ follow: true }));
  log.append(encode([entry(0)]));
  await follower.has(1);
  for (let index = 1; index <= 4; index += 1) {
    log.append(encode([entry(index)]));
    log.rotate();
  }
  log.append(encode([entry(5)]));
  log.end();
  await follower.end();
  assert.deepEqual(
    follower.lines,
    Array.from({ length: 6 }, (_, index) => `line ${String(index)}\n`),
  );
});

test('whatever the writer does and whenever, a follower gets each line once and in order', options, async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 5 }) },
    { weight: 1, arbitrary: fc.constantFrom('rotate', 'pause') },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await using log = await Log.create(1 + steps.filter((one) => one === 'rotate').length);
      const follower = new Follower(log.read({ follow: true }));
      let count = 0;
      for (const one of steps) {
        if (one === 'rotate') log.rotate();
        else if (one === 'pause') await sleep(2);
        else for (let left = one; left > 0; left -= 1) log.append(encode([entry(count++)]));
      }
      log.end();
      await follower.end();
      assert.deepEqual(
        follower.lines,
        Array.from({ length: count }, (_, index) => `line ${String(index)}\n`),
      );
    }),
    { numRuns: 40 },
  );
});

test('a rotation while the old files are being read neither doubles nor loses a line', options, async () => {
  await using log = await Log.create(4);
  log.append(encode([entry(0), entry(1)]));
  log.rotate();
  log.append(encode([entry(2), entry(3)]));
  const seen: string[] = [];
  for await (const read of log.read({ follow: true })) {
    seen.push(text(read));
    if (seen.length === 1) {
      log.append(encode([entry(4)]));
      log.rotate();
      log.append(encode([entry(5)]));
      log.end();
    }
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 6 }, (_, index) => `line ${String(index)}\n`),
  );
});

test('a client that goes away ends the reading, and nothing stays open', options, async () => {
  await using log = await Log.create();
  log.append(encode([entry(0)]));
  const before = (await readdir('/proc/self/fd')).length;
  const abort = new AbortController();
  const follower = new Follower(log.read({ follow: true, signal: abort.signal }));
  await follower.has(1);
  abort.abort();
  await follower.end();
  for await (const read of log.read({ follow: true })) {
    assert.equal(text(read), 'line 0\n');
    break;
  }
  await Array.fromAsync(log.read());
  assert.ok((await readdir('/proc/self/fd')).length <= before);
});

const inSeconds = (ms: number): number => (Date.now() + ms) / 1000;
const now = (log: string): string => encode([{ log, stream: 'stdout', time: new Date().toISOString() }]);

test('a follower with an end in time leaves then, though the writer is silent', options, async () => {
  await using log = await Log.create();
  log.append(now('first\n'));
  const until = inSeconds(700);
  const read = await withDeadline(
    Array.fromAsync(eachOf(readLog({ path: log.path, maxFiles: 1, ended: log.ended }, all({ follow: true, until })))),
    PATIENCE_MS,
    'the end',
  );
  assert.deepEqual(read.map(text), ['first\n']);
  assert.ok(Date.now() / 1000 >= until, 'it left too early');
});

test('a follower whose end is past gets what is older and leaves, though more is written all the time', options, async () => {
  await using log = await Log.create();
  log.append(now('old\n'));
  const until = inSeconds(0) + 0.001;
  await sleep(5);
  const writer = setInterval(() => {
    log.append(now('new\n'));
  }, 1);
  try {
    const read = await withDeadline(
      Array.fromAsync(eachOf(readLog({ path: log.path, maxFiles: 1, ended: log.ended }, all({ follow: true, until })))),
      PATIENCE_MS,
      'the end',
    );
    assert.deepEqual(read.map(text), ['old\n']);
  } finally {
    clearInterval(writer);
  }
});
