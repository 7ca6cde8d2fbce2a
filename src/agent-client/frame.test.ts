import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, type Frame, FrameDecoder, FrameType } from './frame.ts';

const MAX_PAYLOAD = 1 << 20;

const frames: fc.Arbitrary<Frame> = fc.record(
  {
    type: fc.constantFrom(...Object.values(FrameType)),
    stream: fc.integer({ min: 0, max: 2 }),
    proc: fc.integer({ min: 0, max: 0xffff_ffff }),
    request: fc.integer({ min: 0, max: 0xffff_ffff }),
    position: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

function decode(chunks: readonly Buffer[]): Frame[] {
  const decoder = new FrameDecoder();
  return chunks.flatMap((chunk) => [...decoder.push(chunk)]);
}

function split(data: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [0, ...cuts.map((cut) => cut % (data.length + 1)).toSorted((left, right) => left - right), data.length];
  return edges.slice(1).map((edge, index) => data.subarray(edges[index], edge));
}

test('any split of a byte stream gives the same frames', () => {
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map((frame) => encodeFrame(frame)));
      assert.deepEqual(decode(split(stream, cuts)), sent);
    }),
  );
});

test('byte by byte, each frame comes with its last byte', () => {
  const stream = Buffer.concat([
    encodeFrame({ type: FrameType.DATA, proc: 7, payload: Buffer.from('abc') }),
    encodeFrame({ type: FrameType.EOF, proc: 7 }),
  ]);
  const decoder = new FrameDecoder();
  const arrivals = [...stream].flatMap((byte, index) => [...decoder.push(Buffer.from([byte]))].map(({ type }) => [index, type]));
  assert.deepEqual(arrivals, [
    [26, FrameType.DATA],
    [50, FrameType.EOF],
  ]);
});

test('a frame is laid out as the protocol says', () => {
  const data = encodeFrame({
    type: FrameType.DATA,
    stream: 2,
    proc: 0x0403_0201,
    request: 0x0807_0605,
    position: 0x100f_0e0d_0c0b_0a09n,
    payload: Buffer.from('hi'),
  });
  assert.equal(data.toString('hex'), '02000000 01 30 02 00 01020304 05060708 090a0b0c0d0e0f10 6869'.replaceAll(' ', ''));
});

test('the largest payload passes both ways, a byte more in neither', () => {
  const largest = Buffer.alloc(MAX_PAYLOAD, 1);
  assert.equal(decode([encodeFrame({ type: FrameType.OK, payload: largest })])[0]?.payload.length, MAX_PAYLOAD);
  assert.throws(() => encodeFrame({ type: FrameType.OK, payload: Buffer.alloc(MAX_PAYLOAD + 1) }), { code: 'invalid' });
  const header = encodeFrame({ type: FrameType.OK });
  header.writeUInt32LE(MAX_PAYLOAD + 1, 0);
  assert.throws(() => decode([header]), { code: 'internal', message: /a frame of 1048577 bytes/ });
});

test('another version is refused from the header alone', () => {
  const data = encodeFrame({ type: FrameType.OK, payload: Buffer.from('x') });
  data.writeUInt8(2, 4);
  assert.throws(() => decode([data.subarray(0, 24)]), { code: 'internal', message: /version 2, expected 1/ });
});

test('the reserved byte is ignored', () => {
  const data = encodeFrame({ type: FrameType.OK, request: 9 });
  data.writeUInt8(255, 7);
  assert.equal(decode([data])[0]?.request, 9);
});

test('any bytes are cut into frames or refused, never more is made of them than came', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 6 }), (chunks) => {
      const data = chunks.map((chunk) => Buffer.from(chunk));
      try {
        const total = decode(data).reduce((sum, frame) => sum + 24 + frame.payload.length, 0);
        assert.ok(total <= data.reduce((sum, chunk) => sum + chunk.length, 0));
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'internal');
      }
    }),
  );
});
