import assert from 'node:assert/strict';
import { test } from 'node:test';
import { visibleChanges } from './file-changes.ts';
import { containerRecord } from './record-fixture.ts';

const told = (...lines: readonly string[]): Buffer => Buffer.from(lines.map((line) => `${line}\0`).join(''));
const seen = (output: Buffer, init = false): string[] =>
  visibleChanges(output, containerRecord({ host: { Init: init } })).map(({ kind, path }) => `${String(kind)} ${path}`);

test('places that every container is given are not told, nor the directory that has changed for them alone', () => {
  assert.deepEqual(seen(told('A /dev', 'C /etc', 'A /etc/hosts', 'A /etc/resolv.conf', 'A /proc', 'A /sys')), []);
  assert.deepEqual(seen(told('C /etc', 'C /etc/group', 'A /etc/hosts')), ['0 /etc', '0 /etc/group']);
  assert.deepEqual(seen(told('A /sbin', 'A /sbin/docker-init'), true), []);
  assert.deepEqual(seen(told('A /sbin', 'A /sbin/docker-init')), ['1 /sbin', '1 /sbin/docker-init']);
});

test('a name with spaces and newlines is whole', () => {
  assert.deepEqual(seen(told('D /a b\nc')), ['2 /a b\nc']);
});
