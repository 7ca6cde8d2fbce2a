import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentError } from '../agent-client/connection.ts';
import { AbodeError } from '../base/errors.ts';
import { explainUnknown } from './helper.ts';

test('an agent of an earlier version is told of as what it is, other errors as they are', () => {
  const explained = explainUnknown(new AgentError('unsupported', 'type 0x29 is not for a guest', 0));
  assert.ok(explained instanceof AbodeError);
  assert.deepEqual([explained.code, /earlier version/.test(explained.message)], ['conflict', true]);
  const other = new AgentError('system', 'no memory', 12);
  assert.equal(explainUnknown(other), other);
});
