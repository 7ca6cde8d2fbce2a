import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { encodeFrame, FrameType } from '../../src/agent-client/frame.ts';
import { RawClient } from './raw-client.ts';
import { PATIENCE_MS } from './exit.ts';
import { refused, ShimFixture } from './shim-fixture.ts';

const options = { timeout: 2 * PATIENCE_MS };

/** A header with one thing changed. */
function header(change: (header: Buffer) => void): Buffer {
  const bytes = encodeFrame({ type: FrameType.STATE, request: 9 });
  change(bytes);
  return bytes;
}

const malformed: ReadonlyArray<readonly [string, Buffer]> = [
  ['another version', header((bytes) => bytes.writeUInt8(2, 4))],
  ['a payload above the limit', header((bytes) => bytes.writeUInt32LE((1 << 20) + 1, 0))],
  ['a payload of 4 GiB', header((bytes) => bytes.writeUInt32LE(0xffff_ffff, 0))],
  ['a stream that is none', header((bytes) => bytes.writeUInt8(3, 6))],
  ['DATA above its limit', header((bytes) => (bytes.writeUInt32LE(32_769, 0), bytes.writeUInt8(FrameType.DATA, 5)))],
  ['a field cut short', encodeFrame({ type: FrameType.STATE, request: 9, payload: Buffer.alloc(7) })],
  [
    'a field longer than its frame',
    encodeFrame({
      type: FrameType.STATE,
      request: 9,
      payload: Buffer.from('0100000009000000ff', 'hex'),
    }),
  ],
  [
    'a field of 4 GiB',
    encodeFrame({
      type: FrameType.STATE,
      request: 9,
      payload: Buffer.from('01000000ffffffff', 'hex'),
    }),
  ],
  ['text', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
];

for (const [what, bytes] of malformed) {
  test(`a connection that sends ${what} is closed, and no other`, options, async () => {
    await using shim = await ShimFixture.start();
    await shim.run(1, ['sleep', '60']);
    using client = await RawClient.open(shim.path('shim.sock'));
    client.request(FrameType.HELLO, 1);
    await client.answer(1);
    client.send(bytes);
    await client.closed();
    assert.equal(client.frames.length, 1, 'nothing was answered');
    await shim.request(FrameType.STATE);
    assert.equal(shim.exited(1), false);
  });
}

test('a type that is unknown is answered, the connection goes on', options, async () => {
  await using shim = await ShimFixture.start();
  for (const type of [0x7f, 0xff, 0x00, FrameType.IDENTITY, FrameType.START_PROCESS])
    await refused(shim.control.request(type as FrameType), 'unsupported', /0x/);
  await shim.request(FrameType.STATE);
});

test('unknown fields are skipped, reserved bytes ignored', options, async () => {
  await using shim = await ShimFixture.start();
  using client = await RawClient.open(shim.path('shim.sock'));
  const fields = new FieldsBuilder().add(999 as Tag, 'from the future').add(Tag.SESSION, 7);
  const hello = encodeFrame({ type: FrameType.HELLO, request: 1, payload: fields.build() });
  hello.writeUInt8(0xaa, 7);
  client.send(hello);
  assert.equal((await client.answer(1)).type, FrameType.OK);
});

test('frames are cut out of the stream however it arrives', options, async () => {
  await using shim = await ShimFixture.start();
  using client = await RawClient.open(shim.path('shim.sock'));
  const bytes = Buffer.concat(
    [1, 2, 3].map((request) => encodeFrame({ type: request === 1 ? FrameType.HELLO : FrameType.STATE, request })),
  );
  for (const byte of bytes) {
    client.send(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.answer(3);
  assert.deepEqual(
    client.frames.map((frame) => frame.request),
    [1, 2, 3],
  );
});

test('many requests in one packet are answered once each and in order', options, async () => {
  await using shim = await ShimFixture.start();
  using client = await RawClient.open(shim.path('shim.sock'));
  const count = 2000;
  const frames = Array.from({ length: count }, (_, i) =>
    encodeFrame({ type: i === 0 ? FrameType.HELLO : FrameType.STATE, request: i + 1 }),
  );
  client.send(Buffer.concat(frames));
  await client.answer(count);
  assert.deepEqual(
    client.frames.map((frame) => frame.request),
    frames.map((_, i) => i + 1),
  );
});

test('a request of the largest size is taken', options, async () => {
  await using shim = await ShimFixture.start();
  const fields = new FieldsBuilder().add(Tag.PATH, shim.path('large')).add(Tag.MODE, 0o600).add(Tag.CONTENT, Buffer.alloc(1_000_000, 'x'));
  await shim.request(FrameType.WRITE_FILE, fields);
});

test('a client that leaves in the middle of a frame harms nobody', options, async () => {
  await using shim = await ShimFixture.start();
  {
    using client = await RawClient.open(shim.path('shim.sock'));
    client.send(
      encodeFrame({
        type: FrameType.HELLO,
        request: 1,
        payload: new FieldsBuilder().add(Tag.SESSION, 1).build(),
      }).subarray(0, 30),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await shim.request(FrameType.STATE);
});

test('an asker that leaves before its answer loses nothing for the others', options, async () => {
  await using shim = await ShimFixture.start();
  {
    using client = await RawClient.open(shim.path('shim.sock'));
    client.request(FrameType.HELLO, 1);
    client.request(FrameType.START_RUNTIME, 2, shim.commandFields(1, ['sh', '-c', 'exit 8']), 1);
    await client.answer(1);
  }
  assert.equal((await shim.exit(1)).exitCode, 8);
});

test('a second attachment of one connection is refused', options, async () => {
  await using shim = await ShimFixture.start();
  const connection = await shim.connect();
  await connection.request(FrameType.ATTACH, undefined, 1);
  await refused(connection.request(FrameType.ATTACH, undefined, 2), 'invalid', /one process/);
  await refused(shim.request(FrameType.ATTACH), 'invalid', /./);
});

test('one who attaches and leaves before the start leaves no process behind', options, async () => {
  await using shim = await ShimFixture.start();
  const client = await shim.attach(1);
  await client.write('lost');
  client.connection.close();
  await shim.run(2, ['sleep', '60']);
  const answer = await shim.request(FrameType.STATE);
  assert.deepEqual(
    answer.all(Tag.STATE_ENTRY).map((entry) => entry.readUInt32LE(0)),
    [2],
  );
});
