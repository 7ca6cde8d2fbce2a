import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseChallenges } from './challenge.ts';

test('a bearer challenge gives realm, service and scope, quoted or not, with escapes', () => {
  const [challenge, ...others] = parseChallenges('Bearer realm="https://auth.example/token",service=reg,scope="a\\"b,c"');
  assert.equal(others.length, 0);
  assert.equal(challenge?.scheme, 'bearer');
  assert.deepEqual(
    [...(challenge?.parameters ?? [])],
    [
      ['realm', 'https://auth.example/token'],
      ['service', 'reg'],
      ['scope', 'a"b,c'],
    ],
  );
});

test('several challenges in one header are all read; what nobody can answer is not', () => {
  const found = parseChallenges('Basic realm="one", Bearer realm="two"');
  assert.deepEqual(
    found.map(({ scheme, parameters }) => [scheme, parameters.get('realm')]),
    [
      ['basic', 'one'],
      ['bearer', 'two'],
    ],
  );
  assert.deepEqual(parseChallenges('Negotiate'), []);
  assert.deepEqual(parseChallenges('Basically realm="x"'), []);
});

test('any parameters come back as they were written', () => {
  const name = fc.stringMatching(/^[a-z]{1,8}$/);
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, fc.string({ maxLength: 40 })), { maxLength: 5, selector: ([key]) => key }), (pairs) => {
      const text = pairs.map(([key, value]) => `${key}="${value.replaceAll(/["\\]/g, '\\$&')}"`).join(',');
      assert.deepEqual([...(parseChallenges(`Bearer ${text}`)[0]?.parameters ?? [])], pairs);
    }),
  );
});

test('any header is read, and ends', () => {
  fc.assert(fc.property(fc.string({ maxLength: 500 }), (text) => parseChallenges(`Bearer ${text}`).length >= 0));
});
