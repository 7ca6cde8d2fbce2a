import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitCommand } from './split-command.ts';
import { UsageError } from './usage-error.ts';

test('an image, a command, both, or none', () => {
  assert.deepEqual(splitCommand([], ['abode', 'compare']), { image: undefined, words: [] });
  assert.deepEqual(splitCommand(['debian'], ['abode', 'compare', 'debian', '--json']), {
    image: 'debian',
    words: [],
  });
  assert.deepEqual(splitCommand(['debian', 'ls', '-l'], ['abode', 'compare', 'debian', '--', 'ls', '-l']), {
    image: 'debian',
    words: ['ls', '-l'],
  });
  assert.deepEqual(splitCommand(['ls'], ['abode', 'compare', '--', 'ls']), {
    image: undefined,
    words: ['ls'],
  });
  assert.deepEqual(splitCommand(['env', '--', 'ls'], ['abode', 'compare', '--', 'env', '--', 'ls']), {
    image: undefined,
    words: ['env', '--', 'ls'],
  });
});

test('a command without the dashes is a usage error', () => {
  assert.throws(() => splitCommand(['debian', 'ls'], ['abode', 'compare', 'debian', 'ls']), UsageError);
});
