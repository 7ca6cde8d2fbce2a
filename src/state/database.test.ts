import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Database } from './database.ts';
import { migrations } from './migrations.ts';

async function scratch(): Promise<AsyncDisposable & { file: string; root: string }> {
  const root = await mkdtemp(join(tmpdir(), 'abode-db-'));
  return { root, file: join(root, 'state.db'), [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

const setting = (database: Database, name: string): unknown => database.get('SELECT value FROM setting WHERE name = ?', name)?.['value'];
const set = (database: Database, name: string): void => {
  database.run('INSERT INTO setting (name, value) VALUES (?, ?)', name, name.toUpperCase());
};

test('a new file gets every migration, an old one those that it lacks', async () => {
  await using directory = await scratch();
  const database = Database.open(directory.file);
  assert.equal(database.get('PRAGMA user_version')?.['user_version'], migrations.length);
  set(database, 'a');
  database.close();
  const again = Database.open(directory.file);
  assert.equal(setting(again, 'a'), 'A');
  again.close();
});

test('what was committed is on the disk for whoever opens it next, without a goodbye', async () => {
  await using directory = await scratch();
  const first = Database.open(directory.file);
  set(first, 'a');
  const second = Database.open(directory.file);
  assert.equal(setting(second, 'a'), 'A');
  first.close();
  second.close();
});

test('a newer schema is refused and left untouched', async () => {
  await using directory = await scratch();
  const newer = new DatabaseSync(directory.file);
  newer.exec(`CREATE TABLE future (x TEXT); INSERT INTO future VALUES ('kept'); PRAGMA user_version = ${String(migrations.length + 1)}`);
  newer.close();
  const before = await readFile(directory.file);
  assert.throws(() => Database.open(directory.file), { code: 'conflict', message: /written by a newer Abode \(schema \d+, known \d+\)/ });
  assert.deepEqual(await readdir(directory.root), ['state.db']);
  const open = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  assert.ok(!open.includes(directory.file), 'it is still open');
  assert.ok(before.equals(await readFile(directory.file)), 'the file was written to');
});

test('rows come back as they were written, the number of changed ones is told', async () => {
  await using directory = await scratch();
  const database = Database.open(directory.file);
  for (const name of ['a', 'b', 'c']) set(database, name);
  assert.deepEqual(
    database.all('SELECT name, value FROM setting ORDER BY name DESC').map((row) => ({ ...row })),
    ['c', 'b', 'a'].map((name) => ({ name, value: name.toUpperCase() })),
  );
  assert.equal(database.run("UPDATE setting SET value = 'x' WHERE name > ?", 'a'), 2);
  assert.equal(database.get('SELECT value FROM setting WHERE name = ?', 'none'), undefined);
  database.close();
});

test('a transaction that throws leaves nothing, and the next one works', async () => {
  await using directory = await scratch();
  const database = Database.open(directory.file);
  assert.throws(
    () =>
      database.transaction(() => {
        set(database, 'a');
        throw new Error('half way');
      }),
    /half way/,
  );
  assert.equal(setting(database, 'a'), undefined);
  assert.equal(
    database.transaction(() => {
      set(database, 'a');
      return 'result';
    }),
    'result',
  );
  assert.equal(setting(database, 'a'), 'A');
  database.close();
});

test('a transaction inside another stands and falls with it', async () => {
  await using directory = await scratch();
  const database = Database.open(directory.file);
  const outer = (fails: 'inner' | 'outer' | 'none'): void => {
    database.transaction(() => {
      set(database, `before ${fails}`);
      database.transaction(() => {
        set(database, `inside ${fails}`);
        if (fails === 'inner') throw new Error('inner');
      });
      if (fails === 'outer') throw new Error('outer');
    });
  };
  assert.throws(() => {
    outer('inner');
  }, /inner/);
  assert.throws(() => {
    outer('outer');
  }, /outer/);
  outer('none');
  assert.deepEqual(
    database.all('SELECT name FROM setting ORDER BY name').map((row) => row['name']),
    ['before none', 'inside none'],
  );
  database.close();
});

test('a reference to an image that is not there is refused', async () => {
  await using directory = await scratch();
  const database = Database.open(directory.file);
  assert.throws(() => database.run("INSERT INTO image_reference (name, image) VALUES ('x', 'sha256:none')"), /FOREIGN KEY/);
  database.close();
});
