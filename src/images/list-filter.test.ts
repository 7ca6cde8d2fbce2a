import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageRecord } from './api.ts';
import { type Filters, filterImages } from './list-filter.ts';

const image = (id: string, created: string, references: string[], Labels: Record<string, string> = {}): ImageRecord => ({
  id,
  created,
  references,
  digests: [],
  config: { Labels },
  author: '',
  comment: '',
  architecture: 'amd64',
  variant: '',
  os: 'linux',
  diffIds: [],
  chainIds: [],
  history: [],
  size: 0,
  layerSizes: [],
});

const images = [
  image('old', '2020-01-01T00:00:00Z', ['app:1', 'r.example:5000/team/app:1'], {
    tier: 'web',
    a: '',
  }),
  image('mid', '2021-01-01T00:00:00.5Z', [], { tier: 'db' }),
  image('new', '2022-01-01T00:00:00+01:00', ['team/app:2']),
];
const get = (name: string): ImageRecord => images.find(({ id }) => id === name) ?? assert.fail();
const ids = (filters: Filters): string[] => filterImages(images, filters, get).map(({ id }) => id);

test('newest first', () => {
  assert.deepEqual(ids({}), ['new', 'mid', 'old']);
});

test("filters choose as Docker's do", () => {
  assert.deepEqual(ids({ dangling: ['true'] }), ['mid']);
  assert.deepEqual(ids({ dangling: ['0'] }), ['new', 'old']);
  assert.deepEqual(ids({ label: ['tier'] }), ['mid', 'old']);
  assert.deepEqual(ids({ label: ['tier=web', 'a='] }), ['old']);
  assert.deepEqual(ids({ label: ['toString'] }), []);
  assert.deepEqual(ids({ before: ['new'] }), ['mid', 'old']);
  assert.deepEqual(ids({ since: ['old'], before: ['new'] }), ['mid']);
  assert.deepEqual(ids({ reference: ['app'] }), ['old']);
  assert.deepEqual(ids({ reference: ['*/app'] }), ['new']);
  assert.deepEqual(ids({ reference: ['*/*/app', 'team/*:2'] }), ['new', 'old']);
  assert.deepEqual(ids({ reference: ['nothing'] }), []);
});

test('a reference filter leaves the names that match', () => {
  assert.deepEqual(filterImages(images, { reference: ['app:*'] }, get)[0]?.references, ['app:1']);
});

test('unknown filters and values are refused', () => {
  assert.throws(() => ids({ colour: ['red'] }), {
    code: 'invalid',
    message: "invalid filter 'colour'",
  });
  assert.throws(() => ids({ dangling: ['maybe'] }), { code: 'invalid' });
  assert.throws(() => ids({ reference: ['['] }), { code: 'invalid' });
});
