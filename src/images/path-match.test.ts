import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePathPattern } from './path-match.ts';

test("patterns match as Go's path.Match", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'ab/c', false],
    ['a*/b', 'abc/b', true],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
    ['a**', 'a/b', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['a?b', 'a/b', false],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['[x\\-]', 'z', false],
    ['[z-a]', 'm', false],
    ['[^z-a]', 'm', true],
    ['a\\*b', 'a*b', true],
    ['x.y', 'xzy', false],
    ['b*:1', 'bb:1', true],
  ];
  for (const [pattern, text, expected] of cases) assert.equal(compilePathPattern(pattern)(text), expected, `${pattern} ${text}`);
});

test('broken patterns are refused', () => {
  for (const pattern of ['[', '[^', '[^bc', 'a[', '[]a]', '[-]', '[x-]', '[a-b-c]', 'a\\', '[\\']) {
    assert.throws(() => compilePathPattern(pattern), /syntax error in pattern/, pattern);
  }
});

test('an escaped text matches itself and nothing else', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (text, other) => {
      const matches = compilePathPattern(text.replace(/[\\*?[\]]/g, '\\$&'));
      assert.equal(matches(text), true);
      assert.equal(matches(other), other === text);
    }),
  );
});

test('any pattern compiles or is refused', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\\*?[\]^a-c-]{0,12}$/), fc.string(), (pattern, text) => {
      try {
        compilePathPattern(pattern)(text);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'invalid');
      }
    }),
  );
});
