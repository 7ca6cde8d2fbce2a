import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration } from './format-duration.ts';
import {
  beginHealth,
  commandOf,
  type HealthResult,
  type HealthState,
  intervalOf,
  judge,
  mergeHealth,
  suspendHealth,
} from './health-state.ts';

const S = 1_000_000_000;
const STARTED = '2026-01-02T03:04:00.000Z';
const at = (seconds: number, exitCode: number): HealthResult => ({
  start: new Date(Date.parse(STARTED) + seconds * 1000).toISOString(),
  end: new Date(Date.parse(STARTED) + seconds * 1000 + 50).toISOString(),
  exitCode,
  output: '',
});
const play = (config: Parameters<typeof judge>[2], results: readonly HealthResult[]): HealthState =>
  results.reduce((state, result) => judge(state, result, config, STARTED), beginHealth(undefined));
const brief = ({ status, failingStreak }: HealthState): [string, number] => [status, failingStreak];

test('a container starts, is healthy with its first success, and unhealthy after as many failures in a row as were said', () => {
  assert.deepEqual(brief(play({}, [])), ['starting', 0]);
  assert.deepEqual(brief(play({}, [at(1, 0)])), ['healthy', 0]);
  assert.deepEqual(brief(play({}, [at(1, 1), at(2, 1)])), ['starting', 2]);
  assert.deepEqual(brief(play({}, [at(1, 1), at(2, 1), at(3, 1)])), ['unhealthy', 3]);
  assert.deepEqual(brief(play({ Retries: 1 }, [at(1, 1)])), ['unhealthy', 1]);
  assert.deepEqual(brief(play({ Retries: 2 }, [at(1, 0), at(2, 1), at(3, 0), at(4, 1)])), ['healthy', 1]);
  assert.deepEqual(brief(play({ Retries: 2 }, [at(1, -1), at(2, 137), at(3, 1)])), ['unhealthy', 3]);
  assert.deepEqual(brief(play({ Retries: 1 }, [at(1, 1), at(2, 0)])), ['healthy', 0]);
});

test('failures in the start period do not count, until the first success', () => {
  const config = { StartPeriod: 10 * S, Retries: 1 };
  assert.deepEqual(brief(play(config, [at(1, 1), at(9, 1)])), ['starting', 0]);
  assert.deepEqual(brief(play(config, [at(1, 1), at(10, 1)])), ['unhealthy', 1]);
  assert.deepEqual(brief(play(config, [at(1, 0), at(2, 1)])), ['unhealthy', 1]);
});

test('the last five results are kept', () => {
  const { log } = play(
    {},
    [1, 2, 3, 4, 5, 6, 7].map((seconds) => at(seconds, 0)),
  );
  assert.deepEqual(
    log.map(({ start }) => start.slice(17, 19)),
    ['03', '04', '05', '06', '07'],
  );
  const next = beginHealth(suspendHealth(play({}, [at(1, 0)])));
  assert.deepEqual([next.status, next.failingStreak, next.log.length], ['starting', 0, 1], 'a new run still tells of the last');
});

test('checks come at the start interval while a container starts within its start period', () => {
  assert.equal(intervalOf({}, 'starting', 0), 30_000);
  const config = { Interval: 7 * S, StartPeriod: 10 * S, StartInterval: 2 * S };
  assert.equal(intervalOf(config, 'starting', 9999), 2000);
  assert.equal(intervalOf(config, 'starting', 10_000), 7000);
  assert.equal(intervalOf(config, 'healthy', 0), 7000);
  assert.equal(intervalOf({ StartPeriod: S }, 'starting', 0), 5000);
});

test('what is run', () => {
  assert.deepEqual(commandOf({ Test: ['CMD', 'a', 'b'] }, null), ['a', 'b']);
  assert.deepEqual(commandOf({ Test: ['CMD-SHELL', 'a b'] }, null), ['/bin/sh', '-c', 'a b']);
  assert.deepEqual(commandOf({ Test: ['CMD-SHELL', 'a b'] }, ['/bin/bash', '-ec']), ['/bin/bash', '-ec', 'a b']);
  for (const config of [undefined, null, {}, { Test: [] }, { Test: ['NONE'] }, { Test: ['OTHER', 'x'] }])
    assert.equal(commandOf(config, null), undefined);
});

test("what a request leaves out is the image's", () => {
  const image = { Test: ['CMD', 'x'], Interval: S, Retries: 4 };
  assert.deepEqual(mergeHealth(undefined, image), image);
  assert.deepEqual(mergeHealth({ Test: ['NONE'] }, image), { ...image, Test: ['NONE'] });
  assert.deepEqual(mergeHealth({ Test: [], Interval: 2 * S, Retries: 0 }, image), { ...image, Interval: 2 * S });
  assert.equal(mergeHealth(null, undefined), undefined);
});

test('durations are written as Go writes them', () => {
  assert.deepEqual(
    [1, 20, 1000, 1500, 60_000, 90_500, 3_600_000, 0.5].map((value) => formatDuration(value)),
    ['1ms', '20ms', '1s', '1.5s', '1m0s', '1m30.5s', '1h0m0s', '500µs'],
  );
});
