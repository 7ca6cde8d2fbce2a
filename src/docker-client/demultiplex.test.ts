import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Demultiplexer, type OutputStream } from './demultiplex.ts';

function frame(stream: OutputStream, data: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stderr' ? 2 : 1;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

const frames = fc.array(
  fc.record({
    stream: fc.constantFrom<OutputStream>('stdout', 'stderr'),
    data: fc.uint8Array({ maxLength: 40 }),
  }),
);

test('both outputs come out whole wherever the bytes were cut', () => {
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 17 }), (list, size) => {
      const bytes = Buffer.concat(list.map(({ stream, data }) => frame(stream, Buffer.from(data))));
      const got = { stdout: '', stderr: '' };
      const demultiplexer = new Demultiplexer((stream, data) => {
        got[stream] += data.toString('latin1');
      });
      for (let offset = 0; offset < bytes.length; offset += size) demultiplexer.push(bytes.subarray(offset, offset + size));
      for (const name of ['stdout', 'stderr'] as const) {
        const sent = list.filter(({ stream }) => stream === name).map(({ data }) => Buffer.from(data).toString('latin1'));
        assert.equal(got[name], sent.join(''));
      }
    }),
  );
});

test('an unknown stream is refused', () => {
  const demultiplexer = new Demultiplexer(() => undefined);
  assert.throws(() => {
    demultiplexer.push(Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 65]));
  }, /unknown stream 9/);
});
