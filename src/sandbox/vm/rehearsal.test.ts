import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerSpec } from '../spec-fixture.ts';
import { filesToLookAt, hasIdleProcessor, isWorthwhile } from './rehearsal.ts';
import type { MachineType } from './qemu.ts';

const type: MachineType = { shape: { memory: 1 << 30, cpus: 2 }, accelerator: 'tcg', network: false, data: 'prepared', imageSlots: 1 };

test('a processor is idle when no more run than this process and the machine that starts', () => {
  assert.equal(hasIdleProcessor('0.20 0.10 0.05 2/312 4711\n', 2), true);
  assert.equal(hasIdleProcessor('0.20 0.10 0.05 3/312 4711\n', 2), false);
  assert.equal(hasIdleProcessor('9.00 9.00 9.00 4/312 4711\n', 8), true);
  assert.equal(hasIdleProcessor('', 8), false);
});

test('hardware, one processor, and a limit below two leave nothing to rehearse on', () => {
  assert.equal(isWorthwhile({ ...type, accelerator: 'kvm' }, { microCpus: 0 }), false);
  assert.equal(isWorthwhile({ ...type, shape: { ...type.shape, cpus: 1 } }, { microCpus: 0 }), false);
  assert.equal(isWorthwhile(type, { microCpus: 1_500_000 }), false);
});

test('what is looked at: injected files, accounts, then the program where PATH has it', () => {
  const { init } = containerSpec();
  const files = [{ source: '/state/hosts', destination: '/etc/hosts' }];
  const common = ['/etc/hosts', '/etc/passwd', '/etc/group'];
  assert.deepEqual(filesToLookAt({ files, init: { ...init, args: ['sh', '-c', 'x'], env: ['A=b', 'PATH=/opt:/bin'] } }), [
    ...common,
    '/opt/sh',
    '/bin/sh',
  ]);
  assert.deepEqual(filesToLookAt({ files, init: { ...init, args: ['./run'] } }), [...common, './run']);
  assert.ok(filesToLookAt({ files, init: { ...init, args: ['sh'], env: [] } }).includes('/usr/bin/sh'));
});
