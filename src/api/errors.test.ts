import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { AbodeError } from '../base/errors.ts';
import { describeError, STATUS, statusOf } from './errors.ts';

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');

test('the codes, their statuses and docs/errors.md name each other, in both directions', async () => {
  const source = await read('../base/errors.ts');
  const union = /export type ErrorCode =([^;]+);/.exec(source.replaceAll(/\/\/.*$/gm, ''))?.[1] ?? '';
  const codes = [...union.matchAll(/'([a-z-]+)'/g)].map(([, code]) => code);
  const documented = [...(await read('../../docs/errors.md')).matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [
    code,
    Number(status),
  ]);
  assert.ok(codes.length > 0);
  assert.deepEqual(codes.toSorted(byName), Object.keys(STATUS).toSorted(byName));
  assert.deepEqual(Object.fromEntries(documented), STATUS);
  assert.equal(documented.length, codes.length, 'a code is documented once');
});

test('the statuses in the comments of base/errors.ts are the real ones', async () => {
  for (const [, code = '', status] of (await read('../base/errors.ts')).matchAll(/\| '([a-z-]+)'.*?(\d{3});?$/gm)) {
    assert.equal(statusOf(new AbodeError(code as keyof typeof STATUS, '')), Number(status), code);
  }
});

test('a hint follows its message', () => {
  assert.equal(
    describeError(new AbodeError('unavailable', 'no QEMU', { hint: 'Install qemu-system-x86' })),
    'no QEMU. Install qemu-system-x86',
  );
});

test('an unknown error is ours, an error of the framework keeps its status', () => {
  assert.equal(statusOf(new TypeError('x')), 500);
  assert.equal(statusOf('thrown text'), 500);
  assert.equal(statusOf(Object.assign(new Error('x'), { statusCode: 415 })), 415);
});

function byName(left = '', right = ''): number {
  return left.localeCompare(right);
}
