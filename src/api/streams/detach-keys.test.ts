import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from './detach-keys.ts';

test('keys are read as Docker reads them', () => {
  assert.deepEqual(parseDetachKeys(''), DEFAULT_DETACH_KEYS);
  assert.deepEqual(parseDetachKeys('ctrl-p,ctrl-q'), DEFAULT_DETACH_KEYS);
  assert.deepEqual(parseDetachKeys('a,ctrl-a,ctrl-@,ctrl-[,ctrl-_'), [0x61, 1, 0, 0x1b, 0x1f]);
  assert.throws(() => parseDetachKeys('ctrl-1'), { code: 'invalid' });
  assert.throws(() => parseDetachKeys('ctrl-p,,'), { code: 'invalid' });
});

test('the keys are found across pieces, and their beginning alone passes on', () => {
  const scanner = new DetachScanner(DEFAULT_DETACH_KEYS);
  assert.deepEqual(scanner.scan(Buffer.from('ab\x10')), {
    data: Buffer.from('ab'),
    detached: false,
  });
  assert.deepEqual(scanner.scan(Buffer.from('c')), { data: Buffer.from('\x10c'), detached: false });
  assert.deepEqual(scanner.scan(Buffer.from('\x10\x10')), {
    data: Buffer.from('\x10'),
    detached: false,
  });
  assert.deepEqual(scanner.scan(Buffer.from('\x11rest')), {
    data: Buffer.alloc(0),
    detached: true,
  });
});

test('whatever the pieces, what passes is the input up to the first match', () => {
  const key = fc.constantFrom(1, 2);
  fc.assert(
    fc.property(
      fc.array(key, { minLength: 1, maxLength: 4 }),
      fc.array(fc.array(fc.constantFrom(1, 2, 3), { maxLength: 6 })),
      (keys, pieces) => {
        const scanner = new DetachScanner(keys);
        const passed: number[] = [];
        let detached = false;
        for (const piece of pieces) {
          const scanned = scanner.scan(Buffer.from(piece));
          passed.push(...scanned.data);
          detached = scanned.detached;
          if (detached) break;
        }
        const whole = Buffer.from(pieces.flat());
        const at = whole.indexOf(Buffer.from(keys));
        assert.equal(detached, at !== -1);
        if (at === -1) assert.deepEqual(passed, [...whole.subarray(0, passed.length)]);
        else assert.deepEqual(passed, [...whole.subarray(0, at)]);
        if (at === -1) assert.ok(whole.length - passed.length < keys.length);
      },
    ),
  );
});
