import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../base/deadline.ts';
import { Waiters } from './waiters.ts';

const never = (): AbortSignal => new AbortController().signal;
const within = <T>(promise: Promise<T>): Promise<T> => withDeadline(promise, 5000, 'the wait');

async function pending(promise: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, 'still')).then(() => 'still')])) === 'still';
}

test('an exit is told to all who wait for it, and to nobody else', async () => {
  const waiters = new Waiters();
  const [one, two, other, removed] = [
    waiters.wait('a', 'exit', never()),
    waiters.wait('a', 'exit', never()),
    waiters.wait('b', 'exit', never()),
    waiters.wait('a', 'removed', never()),
  ];
  waiters.exited('a', { exitCode: 3 });
  assert.deepEqual(await within(Promise.all([one, two])), [{ exitCode: 3 }, { exitCode: 3 }]);
  assert.ok((await pending(other)) && (await pending(removed)));
});

test('an exit before the wait is not this one’s', async () => {
  const waiters = new Waiters();
  waiters.exited('a', { exitCode: 1 });
  const wait = waiters.wait('a', 'exit', never());
  assert.ok(await pending(wait));
  waiters.exited('a', { exitCode: 2 });
  assert.deepEqual(await within(wait), { exitCode: 2 });
});

test('a removal is told also to those who wait for an exit that will never come', async () => {
  const waiters = new Waiters();
  const waits = [waiters.wait('a', 'exit', never()), waiters.wait('a', 'removed', never())];
  waiters.removed('a', { exitCode: 137 });
  assert.deepEqual(await within(Promise.all(waits)), [{ exitCode: 137 }, { exitCode: 137 }]);
});

test('a client that goes away ends its own wait only', async () => {
  const waiters = new Waiters();
  const abort = new AbortController();
  const gone = waiters.wait('a', 'exit', abort.signal);
  const stays = waiters.wait('a', 'exit', never());
  abort.abort();
  await assert.rejects(within(gone));
  waiters.exited('a', { exitCode: 0 });
  assert.deepEqual(await within(stays), { exitCode: 0 });
});

test('a client that was gone before does not wait at all', async () => {
  const abort = new AbortController();
  abort.abort();
  await assert.rejects(within(new Waiters().wait('a', 'exit', abort.signal)), { name: 'AbortError' });
});
