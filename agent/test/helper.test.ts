/** READ_FILE and START_HELPER: what looks into a guest without being in a container of it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType } from '../../src/agent-client/frame.ts';
import { missing } from './crun-fixture.ts';
import { PATIENCE_MS } from './exit.ts';
import { GuestFixture } from './guest-fixture.ts';
import { refused, STDIN_OPEN } from './shim-fixture.ts';

const options = { timeout: 2 * PATIENCE_MS, skip: missing() };

async function readFiles(guest: GuestFixture, ...paths: readonly string[]): Promise<Map<string, string>> {
  const answer = await guest.link.request(FrameType.READ_FILE, new FieldsBuilder().addAll(Tag.PATH, paths));
  return new Map(
    answer.all(Tag.FILE).map((entry) => {
      const length = entry.readUInt32LE(0);
      return [entry.toString('utf8', 4, 4 + length), entry.toString('latin1', 4 + length)];
    }),
  );
}

test('files are read by name; what is not there is left out, what is long is cut', options, async () => {
  await using guest = await GuestFixture.start();
  await writeFile(`${guest.directory}/short`, 'short');
  await writeFile(`${guest.directory}/long`, 'x'.repeat(200_000));
  const files = await readFiles(guest, `${guest.directory}/short`, '/no/such', '/proc/uptime', `${guest.directory}/long`, '/proc');
  assert.equal(files.get(`${guest.directory}/short`), 'short');
  assert.match(files.get('/proc/uptime') ?? '', /^\d+\.\d+ /);
  assert.equal(files.get(`${guest.directory}/long`), 'x'.repeat(65_536));
  assert.equal(files.size, 3, [...files.keys()].join());
  // Many at once share what one answer holds.
  const names = Array.from({ length: 100 }, (_, index) => `${guest.directory}/${String(index)}`);
  await Promise.all(names.map((name) => writeFile(name, name.repeat(1000))));
  const many = await readFiles(guest, ...names);
  assert.equal(many.size, 100);
  for (const name of names) assert.ok(name.repeat(1000).startsWith(many.get(name) ?? '-'), name);
});

test('what is no list of paths is refused', options, async () => {
  await using guest = await GuestFixture.start();
  await refused(readFiles(guest), 'invalid', /1 to 128 PATHs/);
  await refused(readFiles(guest, 'relative'), 'invalid', /absolute/);
  await refused(readFiles(guest, ...Array.from({ length: 129 }, () => '/proc/uptime')), 'invalid', /1 to 128 PATHs/);
});

test('a helper has streams and an end like a process, and is forgotten then', options, async () => {
  await using guest = await GuestFixture.start();
  await writeFile(`${guest.root}/file`, Buffer.alloc(1234));
  const start = (proc: number, words: readonly string[], stdio = 0): Promise<unknown> =>
    guest.link.request(FrameType.START_HELPER, new FieldsBuilder().addAll(Tag.ARG, words).add(Tag.STDIO, stdio), proc);
  await start(900, ['files', guest.root, 'stat', '/file']);
  const stated = await guest.finish(900);
  assert.equal(stated.exitCode, 0, stated.stderr);
  assert.match(stated.stdout, /^\d+ 1234 /);
  await start(901, ['files', guest.root, 'put', '/'], STDIN_OPEN);
  await guest.write(901, 'no archive');
  await guest.link.send({ type: FrameType.EOF, proc: 901, stream: 0, position: 10n });
  const put = await guest.finish(901);
  assert.deepEqual([put.exitCode, put.stderr], [1, 'invalid: unexpected EOF\n']);
  const state = await guest.link.request(FrameType.STATE);
  assert.equal(state.all(Tag.STATE_ENTRY).length, 0, 'nobody has to release them');
  await refused(start(902, []), 'invalid', /no command/);
  await start(902, ['nonsense']);
  assert.equal((await guest.finish(902)).exitCode, 2);
});
