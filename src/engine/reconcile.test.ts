import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type Step } from './reconcile.ts';
import { containerRecord, due, exited, running } from './record-fixture.ts';
import type { ContainerRecord } from './record.ts';

const always = { RestartPolicy: { Name: 'always' } };
const unlessStopped = { RestartPolicy: { Name: 'unless-stopped' } };

test('what becomes of a container that is found at start-up', () => {
  const cases: ReadonlyArray<readonly [what: string, record: ContainerRecord, step: Step]> = [
    ['never started', containerRecord(), 'nothing'],
    ['never started, always', containerRecord({ host: always }), 'nothing'],
    ['running', containerRecord({ state: running() }), 'adopt'],
    ['paused', containerRecord({ state: running({ paused: true }) }), 'adopt'],
    ['running, to be removed at its end', containerRecord({ state: running(), host: { AutoRemove: true } }), 'adopt'],
    ['ended', containerRecord({ state: exited(0) }), 'nothing'],
    ['ended, always', containerRecord({ state: exited(0), host: always }), 'restart'],
    ['stopped, always', containerRecord({ state: exited(0), host: always, stopRequested: true }), 'restart'],
    ['stopped, unless-stopped', containerRecord({ state: exited(0), host: unlessStopped, stopRequested: true }), 'nothing'],
    [
      'a restart was due',
      containerRecord({ state: due(3), host: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 1 } }, restartCount: 1 }),
      'restart',
    ],
    ['removal begun', containerRecord({ removing: true, state: exited(0), host: always }), 'complete-removal'],
    ['removal begun while it ran', containerRecord({ removing: true, state: running() }), 'complete-removal'],
    ['ended, its removal not begun', containerRecord({ state: exited(0), host: { AutoRemove: true } }), 'complete-removal'],
    ['not made to its end, and nobody told', containerRecord({ incomplete: true }), 'complete-removal'],
    ['made to its end', containerRecord({ incomplete: false }), 'nothing'],
    ['created for one run, not started yet', containerRecord({ host: { AutoRemove: true } }), 'nothing'],
  ];
  for (const [what, record, step] of cases) assert.equal(decide(record), step, what);
});
