import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Removal, type RemovalRequest, planRemoval } from './plan-removal.ts';

const id = `sha256:def0${'1'.repeat(60)}`;
const one = { id, references: ['x:latest'], digests: [] };
const two = { id, references: ['x:latest', 'y:1'], digests: [] };
const none = { id, references: [], digests: [] };
const pulled = { id, references: ['h:5/x:1'], digests: ['h:5/x@sha256:aa'] };
const both = { id, references: ['x:1', 'y:1'], digests: ['x@sha256:aa'] };
const stopped = { id: `abc${'0'.repeat(61)}`, running: false };
const running = { ...stopped, running: true };

const conflict = (reason: string): Removal => ({
  kind: 'conflict',
  message: `conflict: ${reason}`,
});
const short = 'def011111111';
const user = 'abc000000000';

const cases: readonly (readonly [string, RemovalRequest, Removal])[] = [
  [
    'a name, the only one',
    { given: 'x', image: one, force: false, user: undefined },
    { kind: 'delete', names: ['x:latest'], retain: false },
  ],
  [
    'the only name of a pulled image',
    { given: 'h:5/x:1', image: pulled, force: false, user: undefined },
    { kind: 'delete', names: ['h:5/x:1', 'h:5/x@sha256:aa'], retain: false },
  ],
  [
    'the id of a pulled image',
    { given: id, image: pulled, force: false, user: undefined },
    { kind: 'delete', names: ['h:5/x:1', 'h:5/x@sha256:aa'], retain: false },
  ],
  [
    'the last name in a repository with a digest, of two',
    { given: 'x:1', image: both, force: false, user: undefined },
    { kind: 'untag', names: ['x:1', 'x@sha256:aa'] },
  ],
  ['a name of two', { given: 'y:1', image: two, force: false, user: running }, { kind: 'untag', names: ['y:1'] }],
  [
    'a name in use',
    { given: 'x:latest', image: one, force: false, user: stopped },
    conflict(`unable to remove repository reference "x:latest" (must force) - container ${user} is using its referenced image ${short}`),
  ],
  ['a name in use, forced', { given: 'x', image: one, force: true, user: stopped }, { kind: 'delete', names: ['x:latest'], retain: true }],
  ['a name of a running one, forced', { given: 'x', image: one, force: true, user: running }, { kind: 'untag', names: ['x:latest'] }],
  ['an id', { given: 'def0', image: one, force: false, user: undefined }, { kind: 'delete', names: ['x:latest'], retain: false }],
  ['an id without names', { given: id, image: none, force: false, user: undefined }, { kind: 'delete', names: [], retain: false }],
  [
    'an id with two names',
    { given: 'def0', image: two, force: false, user: undefined },
    conflict(`unable to delete ${short} (must be forced) - image is referenced in multiple repositories`),
  ],
  [
    'an id with two names, forced',
    { given: 'def0', image: two, force: true, user: undefined },
    { kind: 'delete', names: two.references, retain: false },
  ],
  [
    'an id of a stopped one',
    { given: 'def0', image: one, force: false, user: stopped },
    conflict(`unable to delete ${short} (must be forced) - image is being used by stopped container ${user}`),
  ],
  [
    'an id of a stopped one, forced',
    { given: 'def0', image: one, force: true, user: stopped },
    { kind: 'delete', names: ['x:latest'], retain: true },
  ],
  [
    'an id of a running one, forced',
    { given: 'sha256:def0', image: two, force: true, user: running },
    conflict(`unable to delete ${short} (cannot be forced) - image is being used by running container ${user}`),
  ],
];

for (const [name, request, expected] of cases) {
  test(`removing ${name}`, () => {
    assert.deepEqual(planRemoval(request), expected);
  });
}
