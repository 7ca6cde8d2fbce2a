import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReportQueue } from './report-queue.ts';

test('every line is read, also those of the last moment, then the result', async () => {
  const queue = new ReportQueue<number>();
  const lines: number[] = [];
  const action = (async () => {
    for (let line = 0; line < 20; line += 1) {
      queue.push(line);
      if (line % 3 === 0) await Promise.resolve();
    }
    return 'done';
  })();
  const reading = queue.until(action);
  let step = await reading.next();
  for (; step.done !== true; step = await reading.next()) lines.push(step.value);
  assert.equal(step.value, 'done');
  assert.deepEqual(
    lines,
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test('an error comes after the lines before it', async () => {
  const queue = new ReportQueue<string>();
  queue.push('first');
  const reading = queue.until(Promise.reject(new Error('broken')));
  assert.deepEqual(await reading.next(), { done: false, value: 'first' });
  await assert.rejects(reading.next(), /broken/);
});
