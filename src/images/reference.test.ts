import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { familiarName, familiarString, parseReference, withDefaultTag, withTag } from './reference.ts';

const shown = (text: string): string => familiarString(withDefaultTag(parseReference(text)));
const hex = 'a'.repeat(64);

test('names are completed and shown as Docker does', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['x', 'x:latest'],
    ['x:1.2', 'x:1.2'],
    ['docker.io/library/x', 'x:latest'],
    ['index.docker.io/x', 'x:latest'],
    ['library/x', 'x:latest'],
    ['docker.io/a/b:t', 'a/b:t'],
    ['localhost/x', 'localhost/x:latest'],
    ['localhost:5000/x:t', 'localhost:5000/x:t'],
    ['example.com/a/b/c', 'example.com/a/b/c:latest'],
    ['[::1]:5000/x', '[::1]:5000/x:latest'],
    ['HOST/x', 'HOST/x:latest'],
    ['a__b/c-d.e--f', 'a__b/c-d.e--f:latest'],
    [`x@sha256:${hex}`, `x@sha256:${hex}`],
    [`x:t@sha256:${hex}`, `x:t@sha256:${hex}`],
  ];
  for (const [given, expected] of cases) assert.equal(shown(given), expected, given);
  assert.deepEqual(parseReference('x'), { domain: 'docker.io', path: 'library/x' });
});

test("what is no name is refused in Docker's words", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /^invalid reference format$/],
    ['Foo', /^invalid reference format: repository name \(library\/Foo\) must be lowercase$/],
    ['example.com/Foo:x', /^invalid reference format: repository name \(Foo\) must be lowercase$/],
    ['x:', /^invalid reference format$/],
    ['x:.a', /^invalid reference format$/],
    ['-x', /^invalid reference format$/],
    ['a//b', /^invalid reference format$/],
    ['a___b', /^invalid reference format$/],
    ['x y', /^invalid reference format$/],
    ['x\n', /^invalid reference format$/],
    ['../x', /^invalid reference format$/],
    ['x@sha256:12', /^invalid reference format$/],
    [`x:${'t'.repeat(129)}`, /^invalid reference format$/],
    ['a/'.repeat(130) + 'a', /must not be more than 255 characters$/],
    [hex, /cannot specify 64-byte hexadecimal strings$/],
  ];
  for (const [given, message] of cases) assert.throws(() => parseReference(given), { code: 'invalid', message }, JSON.stringify(given));
});

test('tagging drops a tag in the repository', () => {
  assert.equal(familiarString(withTag('a:1', '2')), 'a:2');
  assert.equal(familiarString(withTag('a', '')), 'a:latest');
  assert.throws(() => withTag('a', '-'), /invalid tag format/);
});

test('what is shown names the same image', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,5}(?:[._-][a-z0-9]{1,3}){0,2}$/);
  const domain = fc.constantFrom('', 'docker.io/', 'index.docker.io/', 'localhost/', 'r.example:5000/', 'library/', 'UPPER/');
  const tag = fc.oneof(fc.constant(''), fc.stringMatching(/^:[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}$/));
  fc.assert(
    fc.property(domain, fc.array(component, { minLength: 1, maxLength: 4 }), tag, (prefix, path, suffix) => {
      const name = `${prefix}${path.join('/')}`;
      // A first component with a dot is a registry, whose name has no underscore.
      fc.pre(!/^[^/]*[.][^/]*\//.test(name) || !/^[^/]*_/.test(name));
      const reference = parseReference(`${name}${suffix}`);
      assert.deepEqual(parseReference(familiarString(reference)), reference);
      assert.ok(familiarString(reference).startsWith(familiarName(reference)));
    }),
  );
});

test('any text is read or refused, soon', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z_./:@-]{0,80}$/)), (text) => {
      try {
        parseReference(text);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'invalid');
      }
    }),
  );
});
