import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import { withDeadline } from './deadline.ts';
import { Exclusive } from './exclusive.ts';

test('for one key one at a time, in the order they came, whatever fails', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom('a', 'b'), turns: fc.nat({ max: 3 }), fails: fc.boolean() }), { maxLength: 12 }),
      async (actions) => {
        const exclusive = new Exclusive();
        const running = new Map<string, number>();
        const began: Array<[string, number]> = [];
        const results = await Promise.allSettled(
          actions.map(({ key, turns, fails }, index) =>
            exclusive.run(key, async () => {
              began.push([key, index]);
              running.set(key, (running.get(key) ?? 0) + 1);
              assert.equal(running.get(key), 1, 'two at once');
              for (let left = turns; left > 0; left -= 1) await turn();
              running.set(key, 0);
              if (fails) throw new Error(`failure ${String(index)}`);
              return index;
            }),
          ),
        );
        for (const key of ['a', 'b']) {
          const order = began.filter(([candidate]) => candidate === key).map(([, index]) => index);
          assert.deepEqual(
            order,
            actions.flatMap((action, index) => (action.key === key ? [index] : [])),
          );
        }
        assert.deepEqual(
          results.map((result) => (result.status === 'fulfilled' ? result.value : (result.reason as Error).message)),
          actions.map(({ fails }, index) => (fails ? `failure ${String(index)}` : index)),
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('another key does not wait', async () => {
  const exclusive = new Exclusive();
  let release: () => void = () => undefined;
  const first = exclusive.run('a', () => new Promise<void>((resolve) => (release = resolve)));
  assert.equal(
    await withDeadline(
      exclusive.run('b', () => Promise.resolve('through')),
      5000,
      'the other key',
    ),
    'through',
  );
  release();
  await first;
});

test('an action that throws at once is a failure of its own turn only', async () => {
  const exclusive = new Exclusive();
  const broken = exclusive.run('a', () => {
    throw new Error('at once');
  });
  const next = exclusive.run('a', () => Promise.resolve('fine'));
  await assert.rejects(broken, /at once/);
  assert.equal(await next, 'fine');
});
