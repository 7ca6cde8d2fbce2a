import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerRecord, due, exited, running } from './record-fixture.ts';
import type { ContainerRecord } from './record.ts';
import { decideRestart, isRestarting, refuseRestarting, restartsWithDaemon } from './restart-policy.ts';

function record(
  name: string | undefined,
  more: Partial<Pick<ContainerRecord, 'stopRequested' | 'restartCount' | 'state'>> & { maximum?: number } = {},
): ContainerRecord {
  const { maximum, ...rest } = more;
  const policy = { ...(name === undefined ? {} : { Name: name }), ...(maximum === undefined ? {} : { MaximumRetryCount: maximum }) };
  return containerRecord({ ...rest, host: name === undefined ? {} : { RestartPolicy: policy } });
}

test('whether an end is followed by a start', () => {
  const cases: ReadonlyArray<readonly [container: ContainerRecord, exitCode: number, restart: boolean]> = [
    [record(undefined), 1, false],
    [record('no'), 1, false],
    [record(''), 1, false],
    [record('always'), 0, true],
    [record('always'), 1, true],
    [record('always', { stopRequested: true }), 0, false],
    [record('unless-stopped'), 0, true],
    [record('unless-stopped', { stopRequested: true }), 137, false],
    [record('on-failure'), 0, false],
    [record('on-failure'), 1, true],
    [record('on-failure', { stopRequested: true }), 137, false],
    [record('on-failure', { restartCount: 1000 }), 1, true],
    [record('on-failure', { maximum: 0, restartCount: 5 }), 1, true],
    [record('on-failure', { maximum: 3, restartCount: 2 }), 1, true],
    [record('on-failure', { maximum: 3, restartCount: 3 }), 1, false],
  ];
  for (const [container, exitCode, restart] of cases)
    assert.equal(
      decideRestart(container, exitCode, 0, 0).restart,
      restart,
      `${JSON.stringify(container.host)} stopped ${String(container.stopRequested)} count ${String(container.restartCount)} exit ${String(exitCode)}`,
    );
});

test('the delay doubles from a tenth of a second up to a minute, and begins anew after a healthy run', () => {
  const delays: number[] = [];
  let last = 0;
  for (let round = 0; round < 14; round += 1) {
    last = decideRestart(record('always'), 1, 500, last).delayMs;
    delays.push(last);
  }
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000, 60_000, 60_000]);
  assert.equal(decideRestart(record('always'), 1, 9999, 60_000).delayMs, 60_000);
  assert.equal(decideRestart(record('always'), 1, 10_000, 60_000).delayMs, 100);
});

test('which containers come back with the daemon', () => {
  const cases: ReadonlyArray<readonly [container: ContainerRecord, restarts: boolean]> = [
    [record(undefined, { state: exited(1) }), false],
    [record('no', { state: exited(1) }), false],
    [record('always', { state: exited(0) }), true],
    [record('always', { state: exited(0), stopRequested: true }), true],
    [record('unless-stopped', { state: exited(0) }), true],
    [record('unless-stopped', { state: exited(0), stopRequested: true }), false],
    // The restart that the daemon's end cut off.
    [record('on-failure', { state: exited(1) }), true],
    [record('on-failure', { state: exited(0) }), false],
    [record('on-failure', { state: exited(137), stopRequested: true }), false],
    [record('on-failure', { state: exited(1), maximum: 2, restartCount: 1 }), true],
    [record('on-failure', { state: exited(1), maximum: 2, restartCount: 2 }), false],
  ];
  for (const [container, restarts] of cases)
    assert.equal(
      restartsWithDaemon(container),
      restarts,
      `${JSON.stringify(container.host)} ${JSON.stringify(container.state)} stopped ${String(container.stopRequested)}`,
    );
});

test('between two runs a container is restarting, and what needs a process is refused', () => {
  const waiting = containerRecord({ state: due(3) });
  assert.equal(isRestarting(waiting), true);
  assert.equal(isRestarting(containerRecord({ state: exited(3) })), false);
  assert.equal(isRestarting(containerRecord({ state: running() })), false);
  assert.throws(
    () => {
      refuseRestarting(waiting);
    },
    { code: 'conflict', message: `Container ${waiting.id} is restarting, wait until the container is running` },
  );
});
