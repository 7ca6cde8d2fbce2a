import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomName } from './names.ts';

test('a name is one that Docker takes, made of two words', () => {
  for (let round = 0; round < 200; round += 1)
    assert.match(
      randomName(() => false),
      /^[a-z]+_[a-z]+$/,
    );
});

test('a name that is taken is not given, also when every pair of words is', () => {
  const taken = new Set<string>();
  for (let round = 0; round < 3000; round += 1) {
    const name = randomName((candidate) => taken.has(candidate) || /^[a-z]+_[a-z]+$/.test(candidate));
    assert.match(name, /^[a-z]+_[a-z]+\d+$/);
    assert.ok(!taken.has(name));
    taken.add(name);
  }
});
