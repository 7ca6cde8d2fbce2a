import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { withDeadline } from './deadline.ts';

const never = new Promise<never>(() => undefined);

test('what comes in time is passed on, value and error', async () => {
  assert.equal(await withDeadline(Promise.resolve(4), 10_000, 'x'), 4);
  await assert.rejects(withDeadline(Promise.reject(new Error('its own')), 10_000, 'x'), /its own/);
});

test('what is late is an error that names it', async () => {
  await assert.rejects(withDeadline(never, 20, 'the greeting'), {
    code: 'unavailable',
    message: 'the greeting did not happen within 20 ms',
  });
});

test('a failure after the deadline harms nobody', async () => {
  const late = sleep(40).then(() => {
    throw new Error('too late to be heard');
  });
  await assert.rejects(withDeadline(late, 5, 'x'), { code: 'unavailable' });
  await sleep(60); // an unhandled rejection would fail this test
});

test('no timer is left behind', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  await withDeadline(Promise.resolve(), 3_600_000, 'x');
  await withDeadline(Promise.reject(new Error('x')), 3_600_000, 'x').catch(() => undefined);
  assert.equal(timers(), before);
});
