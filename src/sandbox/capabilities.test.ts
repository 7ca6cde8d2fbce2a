import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ALL_CAPABILITIES, capabilitiesInMask, capabilityMask, checkCapabilities, resolveCapabilities } from './capabilities.ts';

const none = { privileged: false, add: [], drop: [] };
const DEFAULTS = resolveCapabilities(none);

test('the default is the set that Docker documents', () => {
  const documented =
    'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'
      .split(' ')
      .map((name) => `CAP_${name}`);
  assert.deepEqual(DEFAULTS.toSorted(), documented);
});

test('adding, dropping and their ALL', () => {
  const cases: ReadonlyArray<readonly [add: string[], drop: string[], expected: readonly string[]]> = [
    [['SYS_ADMIN'], [], [...DEFAULTS, 'CAP_SYS_ADMIN']],
    [[], ['CHOWN'], DEFAULTS.filter((name) => name !== 'CAP_CHOWN')],
    [['NET_ADMIN'], ['NET_ADMIN'], [...DEFAULTS, 'CAP_NET_ADMIN']],
    [[], ['ALL'], []],
    [['CHOWN', 'SYS_TIME'], ['ALL'], ['CAP_CHOWN', 'CAP_SYS_TIME']],
    [['ALL'], [], ALL_CAPABILITIES],
    [['ALL'], ['MKNOD'], ALL_CAPABILITIES.filter((name) => name !== 'CAP_MKNOD')],
    [['ALL'], ['ALL'], ALL_CAPABILITIES],
    // Docker reads no further than ALL.
    [['ALL', 'MKNOD'], ['MKNOD'], ALL_CAPABILITIES.filter((name) => name !== 'CAP_MKNOD')],
  ];
  for (const [add, drop, expected] of cases)
    assert.deepEqual(
      resolveCapabilities({ privileged: false, add, drop }).toSorted(),
      [...expected].toSorted(),
      `+${add.join()} -${drop.join()}`,
    );
});

test('a name may be written small and with or without its prefix', () => {
  for (const name of ['SYS_PTRACE', 'sys_ptrace', 'CAP_SYS_PTRACE', 'cap_sys_ptrace', 'Cap_Sys_Ptrace'])
    assert.ok(resolveCapabilities({ ...none, add: [name] }).includes('CAP_SYS_PTRACE'), name);
  assert.deepEqual(resolveCapabilities({ ...none, drop: ['all'] }), []);
});

test('an unknown name is refused in the words of Docker, also for a privileged container', () => {
  assert.throws(() => resolveCapabilities({ ...none, add: ['NO_SUCH'] }), {
    code: 'invalid',
    message: 'invalid CapAdd: unknown capability: "CAP_NO_SUCH"',
  });
  assert.throws(() => resolveCapabilities({ ...none, privileged: true, drop: [''] }), {
    message: 'invalid CapDrop: unknown capability: "CAP_"',
  });
  assert.throws(() => {
    checkCapabilities({ add: [], drop: ['CAP_'] });
  }, /invalid CapDrop/);
  assert.doesNotThrow(() => {
    checkCapabilities({ add: ['all', 'chown'], drop: ['ALL'] });
  });
});

test('privileged is all that is known, whatever is dropped', () => {
  assert.deepEqual(resolveCapabilities({ privileged: true, add: [], drop: ['ALL'] }), ALL_CAPABILITIES);
  assert.deepEqual(resolveCapabilities({ privileged: true, add: [], drop: [] }, ['CAP_CHOWN']), ['CAP_CHOWN']);
});

test('nothing is given that is not known', () => {
  assert.deepEqual(resolveCapabilities({ ...none, add: ['SYS_ADMIN'] }, ['CAP_CHOWN', 'CAP_KILL']), ['CAP_CHOWN', 'CAP_KILL']);
});

test('a mask has the bits of linux/capability.h', () => {
  assert.equal(capabilityMask(['CAP_CHOWN']), 1n);
  assert.equal(capabilityMask(['CAP_SYS_ADMIN']), 1n << 21n);
  assert.equal(capabilityMask(['CAP_CHECKPOINT_RESTORE']), 1n << 40n);
  // Docker's well-known default mask.
  assert.equal(capabilityMask(DEFAULTS), 0xa80425fbn);
});

test('names and mask are the same set', () => {
  fc.assert(
    fc.property(fc.subarray([...ALL_CAPABILITIES]), (names) => {
      assert.deepEqual(capabilitiesInMask(capabilityMask(names)), names);
    }),
  );
  assert.deepEqual(capabilitiesInMask(1n << 60n), [], 'a bit without a name is no capability');
});
