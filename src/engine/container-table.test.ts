import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Database } from '../state/database.ts';
import { ContainerTable } from './container-table.ts';
import { containerRecord, running } from './record-fixture.ts';

class Scratch implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'abode-table-'));
  database: Database = Database.open(join(this.#root, 'db'));

  table(): ContainerTable {
    return new ContainerTable(this.database);
  }

  [Symbol.dispose](): void {
    this.database.close();
    rmSync(this.#root, { recursive: true });
  }
}

const id = (prefix: string): string => prefix.padEnd(64, '0');
const network = { network: 'bridge', address: '172.19.0.2', prefixLength: 16, gateway: '172.19.0.1', mac: '02:42:ac:13:00:02' };

test('a container is found by its id, its name with or without a slash, and a prefix of its id', () => {
  using scratch = new Scratch();
  const table = scratch.table();
  table.insert(containerRecord({ id: id('abc1'), name: 'one' }));
  table.insert(containerRecord({ id: id('abd2'), name: 'two' }));
  for (const reference of [id('abc1'), 'one', '/one', 'abc', id('abc1').slice(0, 12)])
    assert.equal(table.find(reference).name, 'one', reference);
  assert.equal(table.find('abd').name, 'two');
});

test('a name wins over a prefix, and an id over a name', () => {
  using scratch = new Scratch();
  const table = scratch.table();
  table.insert(containerRecord({ id: id('feed'), name: 'one' }));
  table.insert(containerRecord({ id: id('beef'), name: 'fee' }));
  table.insert(containerRecord({ id: id('cafe'), name: id('beef') }));
  assert.equal(table.find('fee').id, id('beef'));
  assert.equal(table.find('feed').id, id('feed'));
  assert.equal(table.find(id('beef')).name, 'fee');
});

test('a prefix that two have is refused, one that none has is not found', () => {
  using scratch = new Scratch();
  const table = scratch.table();
  table.insert(containerRecord({ id: id('abc1'), name: 'one' }));
  table.insert(containerRecord({ id: id('abc2'), name: 'two' }));
  assert.throws(() => table.find('abc'), { code: 'invalid', message: 'Multiple IDs found with provided prefix: abc' });
  for (const reference of ['abd', 'ABC1', 'on', '', '/', 'one/', id('abc1') + '0', '.*'])
    assert.throws(() => table.find(reference), { code: 'not-found', message: `No such container: ${reference}` }, reference);
});

test('a name in use is refused, in the words of Docker, and nothing is changed', () => {
  using scratch = new Scratch();
  const table = scratch.table();
  table.insert(containerRecord({ id: id('a'), name: 'taken' }));
  table.insert(containerRecord({ id: id('b'), name: 'free' }));
  const message = `Conflict. The container name "/taken" is already in use by container "${id('a')}". You have to remove (or rename) that container to be able to reuse that name.`;
  assert.throws(
    () => {
      table.insert(containerRecord({ id: id('c'), name: 'taken' }));
    },
    { code: 'conflict', message },
  );
  assert.throws(() => table.update(id('b'), { name: 'taken' }), { code: 'conflict', message });
  assert.equal(table.all().length, 2);
  assert.equal(table.find('free').id, id('b'));
  assert.doesNotThrow(() => table.update(id('a'), { name: 'taken' }), 'its own name');
});

test('a renamed container is found by the new name only, and the old one is free', () => {
  using scratch = new Scratch();
  const table = scratch.table();
  table.insert(containerRecord({ id: id('a'), name: 'old' }));
  table.update(id('a'), { name: 'new' });
  assert.equal(table.find('new').id, id('a'));
  assert.ok(!table.hasName('old'));
  table.insert(containerRecord({ id: id('b'), name: 'old' }));
});

test('another table over the same database knows what was written: inserts, changes, removals', () => {
  using scratch = new Scratch();
  const table = scratch.table();
  table.insert(containerRecord({ id: id('a'), name: 'a', createdAt: '2026-01-03T00:00:00.000Z' }));
  table.insert(containerRecord({ id: id('b'), name: 'b', createdAt: '2026-01-01T00:00:00.000Z' }));
  table.insert(containerRecord({ id: id('c'), name: 'c', createdAt: '2026-01-02T00:00:00.000Z' }));
  table.update(id('a'), { state: running({ pid: 7 }), network, name: 'renamed' });
  table.delete(id('c'));
  const again = scratch.table();
  assert.deepEqual(
    again.all().map(({ name }) => name),
    ['b', 'renamed'],
    'the oldest first',
  );
  assert.deepEqual(again.byId(id('a')), table.byId(id('a')));
  assert.deepEqual(again.byId(id('a')).network, network);
  assert.throws(() => again.byId(id('c')), { code: 'not-found' });
});

test('an update changes what it names; a network is taken away by undefined', () => {
  using scratch = new Scratch();
  const table = scratch.table();
  table.insert(containerRecord({ id: id('a'), network }));
  assert.deepEqual(table.update(id('a'), { restartCount: 3 }), containerRecord({ id: id('a'), network, restartCount: 3 }));
  const without = table.update(id('a'), { network: undefined });
  assert.ok(!('network' in without));
  assert.ok(!('network' in scratch.table().byId(id('a'))));
});

test('what was removed is gone, its name is free, and a second removal is nothing', () => {
  using scratch = new Scratch();
  const table = scratch.table();
  table.insert(containerRecord({ id: id('a'), name: 'x' }));
  table.delete(id('a'));
  table.delete(id('a'));
  assert.ok(!table.has(id('a')) && !table.hasName('x'));
  assert.throws(() => table.update(id('a'), {}), { code: 'not-found' });
  table.insert(containerRecord({ id: id('b'), name: 'x' }));
});
