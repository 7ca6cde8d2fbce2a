import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMount, parseMountTable } from './mount-table.ts';

const TABLE = parseMountTable(`22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:5 / /mnt/shared rw shared:7 - tmpfs a rw
24 22 0:6 / /mnt/both rw shared:9 master:3 - tmpfs b rw
25 22 0:7 / /mnt/slave rw,nosuid master:4 propagate_from:2 - tmpfs c rw
26 22 0:8 / /mnt/a\\040space rw - tmpfs d rw
27 23 0:9 / /mnt/shared rw - tmpfs over rw
`);

test('a mount tells whether it is shared, and whether it follows another', () => {
  const flags = (path: string): unknown[] => {
    const { target, shared, slave } = findMount(TABLE, path) ?? {};
    return [target, shared, slave];
  };
  assert.deepEqual(flags('/etc/x'), ['/', false, false]);
  assert.deepEqual(flags('/mnt/both/x/y'), ['/mnt/both', true, true]);
  assert.deepEqual(flags('/mnt/slave'), ['/mnt/slave', false, true]);
  assert.deepEqual(flags('/mnt/slavery'), ['/', false, false]);
  assert.deepEqual(flags('/mnt/a space/x'), ['/mnt/a space', false, false]);
});

test('of two mounts on one place the last counts', () => {
  assert.equal(findMount(TABLE, '/mnt/shared/x')?.shared, false);
});
