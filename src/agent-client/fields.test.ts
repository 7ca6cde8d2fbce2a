import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bindField, fdOpen, Fields, FieldsBuilder, type FieldValue, rlimitField, Tag } from './fields.ts';

const tags = fc.constantFrom(...Object.values(Tag));
const values: fc.Arbitrary<FieldValue> = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array({ maxLength: 40 }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.maxSafeNat(),
  fc.boolean(),
);

/** What a value is on the wire, said once more and otherwise than the code does. */
function bytesOf(value: FieldValue): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return BigInt(value).toString(16).padStart(16, '0').match(/../g)?.reverse().join('') ?? '';
}

test('what was added comes back, each tag in its order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(tags, values), { maxLength: 12 }), (entries) => {
      const builder = new FieldsBuilder();
      for (const [tag, value] of entries) builder.add(tag, value);
      const fields = Fields.parse(builder.build());
      for (const tag of Object.values(Tag)) {
        const expected = entries.filter(([candidate]) => candidate === tag).map(([, value]) => bytesOf(value));
        assert.deepEqual(
          fields.all(tag).map((data) => data.toString('hex')),
          expected,
        );
        assert.equal(fields.bytes(tag)?.toString('hex'), expected[0]);
      }
    }),
  );
});

test('a field is laid out as the protocol says', () => {
  assert.equal(
    new FieldsBuilder().add(Tag.ARG, 'é').add(Tag.PID, 258).build().toString('hex'),
    '2800 0000 02000000 c3a9 3600 0000 08000000 0201000000000000'.replaceAll(' ', ''),
  );
});

test('undefined adds nothing, an empty value a field without bytes', () => {
  const fields = Fields.parse(new FieldsBuilder().add(Tag.CWD, undefined).addAll(Tag.ENV, undefined).add(Tag.USER, '').build());
  assert.equal(fields.string(Tag.CWD), undefined);
  assert.deepEqual(fields.all(Tag.ENV), []);
  assert.equal(fields.string(Tag.USER), '');
});

test("numbers are 64 bits, negative ones in two's complement", () => {
  const fields = Fields.parse(
    new FieldsBuilder()
      .add(Tag.OOM_SCORE_ADJ, -1)
      .add(Tag.TIME, 2n ** 64n - 2n)
      .add(Tag.ALL, true)
      .addAll(Tag.PID, [3, 2 ** 40])
      .build(),
  );
  assert.equal(fields.bigint(Tag.OOM_SCORE_ADJ), 2n ** 64n - 1n);
  assert.equal(fields.bigint(Tag.TIME), 2n ** 64n - 2n);
  assert.equal(fields.number(Tag.ALL), 1);
  assert.deepEqual(fields.numbers(Tag.PID), [3, 2 ** 40]);
  assert.equal(fields.number(Tag.UID), undefined);
});

test('a number of another size is none', () => {
  const fields = Fields.parse(
    new FieldsBuilder()
      .add(Tag.PID, Buffer.from([1, 0, 0, 0]))
      .add(Tag.PID, 5)
      .build(),
  );
  assert.equal(fields.number(Tag.PID), undefined);
  assert.deepEqual(fields.numbers(Tag.PID), [5]);
});

test('unknown tags are skipped', () => {
  const known = new FieldsBuilder().add(Tag.MESSAGE, 'text').build();
  const unknown = Buffer.from('ffff000003000000616263', 'hex');
  assert.equal(Fields.parse(Buffer.concat([unknown, known, unknown])).string(Tag.MESSAGE), 'text');
});

test('every payload that ends within a field is refused', () => {
  const payload = new FieldsBuilder().add(Tag.ARG, 'echo').add(Tag.ENV, 'A=1').build();
  const first = new FieldsBuilder().add(Tag.ARG, 'echo').build().length;
  for (let length = 0; length < payload.length; length += 1) {
    const cut = payload.subarray(0, length);
    if (length === 0 || length === first) assert.doesNotThrow(() => Fields.parse(cut));
    else assert.throws(() => Fields.parse(cut), { code: 'internal' }, String(length));
  }
});

test('any bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        Fields.parse(Buffer.from(bytes));
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'internal');
      }
    }),
  );
});

test('the packed fields have the layout of the protocol', () => {
  assert.equal(fdOpen(20, 2, '/x').toString('hex'), '14000000 02000000 2f78'.replaceAll(' ', ''));
  assert.equal(
    rlimitField(7, 1024n, 2n ** 64n - 1n).toString('hex'),
    '07000000 00000000 0004000000000000 ffffffffffffffff'.replaceAll(' ', ''),
  );
  // The length is of the source's bytes, not of its characters.
  assert.equal(bindField('/é', '/b', true).toString('hex'), '01000000 03000000 2fc3a9 2f62'.replaceAll(' ', ''));
  assert.equal(bindField('/a', '/b', false).readUInt32LE(0), 0);
});
