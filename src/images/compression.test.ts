import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { decompress } from './compression.ts';

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, size = 65_536): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of decompress(pieces(bytes, size))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const skippable = Buffer.from('502a4d180400000001020304', 'hex');

test('every form gives the bytes back, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 300 }),
      async (parts, size) => {
        const plain = Buffer.concat([Buffer.from('plain '), ...parts]);
        assert.deepEqual(await read(plain, size), plain);
        const whole = Buffer.concat(parts);
        assert.deepEqual(await read(Buffer.concat(parts.map((part) => gzipSync(part))), size), whole, 'gzip members');
        assert.deepEqual(await read(Buffer.concat(parts.map((part) => zstdCompressSync(part))), size), whole, 'zstd frames');
        assert.deepEqual(
          await read(Buffer.concat([skippable, ...parts.map((part) => zstdCompressSync(part))]), size),
          whole,
          'skippable frame',
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('large data comes through', async () => {
  const bytes = Buffer.alloc(5 << 20, 'abc');
  assert.deepEqual(await read(Buffer.concat([zstdCompressSync(bytes), zstdCompressSync(bytes)])), Buffer.concat([bytes, bytes]));
  assert.deepEqual(await read(gzipSync(bytes)), bytes);
});

test('nothing is nothing', async () => {
  assert.equal((await read(Buffer.alloc(0))).length, 0);
});

test('what is cut off or broken is an error', async () => {
  const noise = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * index * 7919) % 251));
  for (const whole of [gzipSync(noise), zstdCompressSync(noise)]) {
    await assert.rejects(read(whole.subarray(0, whole.length - 10)), {
      code: 'invalid',
      message: /unexpected EOF/,
    });
    await assert.rejects(read(Buffer.concat([whole, Buffer.from('rubbish!')])), {
      code: 'invalid',
    });
  }
});

test('formats that cannot be read are named', async () => {
  await assert.rejects(read(Buffer.from('fd377a585a0000', 'hex')), {
    code: 'invalid',
    message: /compressed with xz/,
  });
  await assert.rejects(read(Buffer.from('BZh91AY')), {
    code: 'invalid',
    message: /compressed with bzip2/,
  });
});

test("the source's own error is passed on, and a reader that leaves closes it", async () => {
  async function* failing(): AsyncGenerator<Buffer> {
    yield gzipSync(Buffer.alloc(1000));
    throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
  }
  await assert.rejects(async () => {
    for await (const _ of decompress(failing()));
  }, /aborted/);
  for (const compress of [(bytes: Buffer) => bytes, gzipSync, zstdCompressSync]) {
    let closed = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        yield compress(Buffer.alloc(1 << 20));
        for (;;) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield compress(Buffer.alloc(1 << 10));
        }
      } finally {
        closed = true;
      }
    }
    for await (const _ of decompress(endless())) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(closed, true);
  }
});
