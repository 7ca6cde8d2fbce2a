import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Database } from '../state/database.ts';
import { EventBus } from './event-bus.ts';
import { EventHistory, HISTORY } from './event-history.ts';

async function file(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-events-'));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, 'state.db');
}

test('the next daemon tells what happened under the one before, with every attribute and the exact time', async (t) => {
  const path = await file(t);
  const first = Database.open(path);
  const bus = new EventBus(new EventHistory(first));
  bus.emit('container', 'create', 'id', { name: 'a', 'odd "label"': 'ü\n' });
  bus.emit('vm', 'start', 'other');
  const told = [...new EventHistory(first).all()];
  assert.equal(told.length, 2);
  // No goodbye: the daemon may have been killed.
  const second = Database.open(path);
  assert.deepEqual(new EventHistory(second).all(), told);
  assert.deepEqual(told[0]?.attributes, { name: 'a', 'odd "label"': 'ü\n' });
  first.close();
  second.close();
});

test('times go on rising after a restart, though the clock went back', async (t) => {
  const database = Database.open(await file(t));
  const future = BigInt(Date.now() + 3_600_000) * 1_000_000n;
  new EventHistory(database).add({ type: 'container', action: 'start', id: 'x', attributes: {}, timeNano: future });
  const history = new EventHistory(database);
  new EventBus(history).emit('container', 'die', 'x');
  assert.equal(history.last()?.action, 'die');
  assert.ok((history.last()?.timeNano ?? 0n) > future);
  database.close();
});

test('no more is kept than was said, neither in memory nor on the disk', async (t) => {
  const database = Database.open(await file(t));
  const history = new EventHistory(database);
  database.transaction(() => {
    for (let index = 0; index < HISTORY + 600; index += 1)
      history.add({ type: 'container', action: String(index), id: 'x', attributes: {}, timeNano: BigInt(index) });
  });
  assert.equal(history.all().length, HISTORY);
  assert.equal(history.all()[0]?.action, '600');
  assert.ok(Number(database.get('SELECT count(*) AS count FROM event')?.['count']) < HISTORY + 300);
  const again = new EventHistory(database);
  assert.deepEqual(again.all(), history.all());
  assert.equal(Number(database.get('SELECT count(*) AS count FROM event')?.['count']), HISTORY);
  database.close();
});
