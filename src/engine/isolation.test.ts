import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIsolation, RUNTIME_NAMES, checkVmSize } from './isolation.ts';
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

test('a VM is as large as the host can give, and as small as a guest can be', () => {
  const host = { cpus: 4, memory: 8 * 2 ** 30 };
  for (const size of [{}, { cpus: 1, memory: 96 << 20 }, { cpus: 4, memory: host.memory }]) checkVmSize(size, host);
  for (const cpus of [0, 5, 1.5, Number.NaN])
    assert.throws(() => checkVmSize({ cpus }, host), {
      code: 'invalid',
      message: 'range of CPUs of a VM is from 1 to 4, as there are only 4 CPUs available',
    });
  for (const memory of [1, (96 << 20) - 1, Number.NaN])
    assert.throws(() => checkVmSize({ memory }, host), { code: 'invalid', message: 'minimum memory of a VM is 96MB' });
  assert.throws(() => checkVmSize({ memory: host.memory + 1 }, host), {
    code: 'invalid',
    message: "memory of a VM is at most the host's, 8192MB",
  });
});
