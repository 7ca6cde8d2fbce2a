import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withOwnEnvironment } from './own-environment.ts';

test('the host name is added, and on a terminal its kind', () => {
  const config = { Image: 'x', Hostname: 'web', Env: ['A=1'] };
  assert.deepEqual(withOwnEnvironment(config, false), ['A=1', 'HOSTNAME=web']);
  assert.deepEqual(withOwnEnvironment(config, true), ['A=1', 'HOSTNAME=web', 'TERM=xterm']);
});

test('what was given of these stays, and is there once', () => {
  const env = ['HOSTNAME=mine', 'TERM=dumb'];
  assert.deepEqual(withOwnEnvironment({ Image: 'x', Hostname: 'web', Env: env }, true), env);
  assert.deepEqual(withOwnEnvironment({ Image: 'x', Hostname: 'web', Env: ['TERMINAL=1'] }, true), [
    'TERMINAL=1',
    'HOSTNAME=web',
    'TERM=xterm',
  ]);
});
