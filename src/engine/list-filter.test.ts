import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListFilter } from './api.ts';
import { filterContainers, statusOf } from './list-filter.ts';
import { containerRecord, exited, running } from './record-fixture.ts';
import type { ContainerRecord } from './record.ts';

const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`;
const network = { network: 'bridge', address: '172.19.0.2', prefixLength: 16, gateway: '172.19.0.1', mac: '' };

/** Oldest first, as the table holds them. */
const records: ContainerRecord[] = [
  containerRecord({
    id: 'a1'.padEnd(64, '0'),
    name: 'web',
    createdAt: at(1),
    state: running(),
    network,
    config: { Labels: { role: 'web', x: '' } },
  }),
  containerRecord({ id: 'a2'.padEnd(64, '0'), name: 'web-old', createdAt: at(2), state: exited(3), config: { Labels: { role: 'web' } } }),
  containerRecord({
    id: 'b3'.padEnd(64, '0'),
    name: 'db',
    createdAt: at(3),
    state: running({ paused: true }),
    imageReference: 'postgres',
    host: { NetworkMode: 'none' },
  }),
  containerRecord({ id: 'b4'.padEnd(64, '0'), name: 'fresh', createdAt: at(4) }),
  containerRecord({ id: 'c5'.padEnd(64, '0'), name: 'leaving', createdAt: at(5), state: running(), removing: true, network }),
];

function names(query: Partial<ListFilter>, all = true): string[] {
  const find = (reference: string): ContainerRecord => records.find(({ name }) => name === reference) ?? assert.fail(`no ${reference}`);
  return filterContainers(records, { all, filters: {}, ...query }, find, (record, name) => record.imageReference === name).map(
    ({ name }) => name,
  );
}

test('the newest first, and only those that run unless all are wanted', () => {
  assert.deepEqual(names({}), ['leaving', 'fresh', 'db', 'web-old', 'web']);
  assert.deepEqual(names({}, false), ['leaving', 'db', 'web']);
});

test('a limit counts all, whatever runs', () => {
  assert.deepEqual(names({ limit: 2 }, false), ['leaving', 'fresh']);
  assert.deepEqual(names({ limit: 0 }, false), ['leaving', 'db', 'web']);
  assert.deepEqual(names({ limit: -1 }, false), ['leaving', 'db', 'web']);
  assert.deepEqual(names({ limit: 1, filters: { name: ['web'] } }, false), ['web-old']);
});

test("filters choose as Docker's: values of a key are alternatives, keys must all hold", () => {
  const cases: ReadonlyArray<readonly [filters: ListFilter['filters'], names: string[]]> = [
    [{ id: ['a'] }, ['web-old', 'web']],
    [{ id: ['a1', 'b4'] }, ['fresh', 'web']],
    [{ name: ['web'] }, ['web-old', 'web']],
    [{ name: ['^web$'] }, ['web']],
    [{ name: ['^/web$'] }, ['web']],
    [{ name: ['['] }, []],
    [{ label: ['role'] }, ['web-old', 'web']],
    [{ label: ['role=web', 'x'] }, ['web']],
    [{ label: ['x='] }, ['web']],
    [{ label: ['role=db'] }, []],
    [{ status: ['exited'] }, ['web-old']],
    [{ status: ['created', 'paused'] }, ['fresh', 'db']],
    [{ status: ['running'] }, ['web']],
    [{ status: ['removing'] }, ['leaving']],
    [{ exited: ['3'] }, ['web-old']],
    [{ exited: ['0'] }, []],
    [{ ancestor: ['postgres'] }, ['db']],
    [{ before: ['db'] }, ['web-old', 'web']],
    [{ since: ['db'] }, ['leaving', 'fresh']],
    [{ since: ['web'], before: ['fresh'] }, ['db', 'web-old']],
    [{ network: ['bridge'] }, ['leaving', 'fresh', 'web-old', 'web']],
    [{ network: ['none'] }, ['db']],
    [{ health: ['none'] }, ['leaving', 'fresh', 'db', 'web-old', 'web']],
    [{ health: ['healthy'] }, []],
    [{ 'is-task': ['true'] }, []],
    [{ name: [] }, ['leaving', 'fresh', 'db', 'web-old', 'web']],
    [{ name: ['web'], status: ['exited'] }, ['web-old']],
  ];
  for (const [filters, expected] of cases) assert.deepEqual(names({ filters }), expected, JSON.stringify(filters));
});

test('to ask for a status or an exit code is to ask for what does not run too', () => {
  assert.deepEqual(names({ filters: { status: ['exited'] } }, false), ['web-old']);
  assert.deepEqual(names({ filters: { exited: ['3'] } }, false), ['web-old']);
  assert.deepEqual(names({ filters: { name: ['web'] } }, false), ['web']);
});

test('what is no filter is refused, and so is a status that there is not', () => {
  assert.throws(() => names({ filters: { colour: ['red'] } }), { code: 'invalid', message: "invalid filter 'colour'" });
  assert.throws(() => names({ filters: { status: ['asleep'] } }), { code: 'invalid', message: "invalid filter 'status=asleep'" });
});

test('a status is what Docker calls it', () => {
  assert.deepEqual(records.map(statusOf), ['running', 'exited', 'paused', 'created', 'removing']);
});
