import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIsolation, RUNTIME_NAMES } from './isolation.ts';
import type { Isolation } from './record.ts';

test('what --runtime means', () => {
  const cases: ReadonlyArray<readonly [runtime: string | undefined, isolation: Isolation]> = [
    [undefined, { kind: 'container', runtime: 'crun' }],
    ['', { kind: 'container', runtime: 'crun' }],
    ['crun', { kind: 'container', runtime: 'crun' }],
    ['runc', { kind: 'container', runtime: 'runc' }],
    ['runsc', { kind: 'container', runtime: 'runsc' }],
    ['io.containerd.runc.v2', { kind: 'container', runtime: 'runc' }],
    ['vm', { kind: 'vm', boot: 'template' }],
    ['vm-cold', { kind: 'vm', boot: 'cold' }],
    ['vm:shared', { kind: 'hybrid', vm: 'shared' }],
    ['vm:a.B-c_9', { kind: 'hybrid', vm: 'a.B-c_9' }],
  ];
  for (const [runtime, isolation] of cases) assert.deepEqual(parseIsolation(runtime), isolation, runtime);
});

test('every runtime that is offered is understood', () => {
  for (const name of RUNTIME_NAMES) assert.doesNotThrow(() => parseIsolation(name), name);
});

test('an unknown runtime is refused, and a path is none', () => {
  for (const name of ['nope', 'VM', 'vm ', '/usr/bin/crun', '../crun', 'kata'])
    assert.throws(() => parseIsolation(name), { code: 'invalid', message: `unknown or invalid runtime name: ${name}` }, name);
});

test('the name of a VM can be a file name and nothing worse', () => {
  for (const name of ['', '.', '..', '../x', 'a/b', '-a', '.a', 'a b', 'é', 'a'.repeat(64), 'a\n'])
    assert.throws(() => parseIsolation(`vm:${name}`), { code: 'invalid', message: /^invalid VM name/ }, JSON.stringify(name));
  assert.doesNotThrow(() => parseIsolation(`vm:${'a'.repeat(63)}`));
});
