import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCustomProfile, toOci } from './oci.ts';
import { defaultProfile } from './profile.ts';

const ALLOW = 'SCMP_ACT_ALLOW';
const rule = (more: object): object => ({ names: ['mount'], action: ALLOW, ...more });
const custom = (more: object, syscalls: readonly object[] = []): string =>
  JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', ...more, syscalls });

/** How many of these rules hold for a container with the capabilities. */
function kept(conditions: object, capabilities: readonly string[] = []): boolean {
  return parseCustomProfile(custom({}, [rule(conditions)]), capabilities).syscalls.length === 1;
}

test('the default profile is written as the runtime specification has it', () => {
  const oci = toOci(defaultProfile([]));
  assert.equal(oci.defaultAction, 'SCMP_ACT_ERRNO');
  assert.equal(oci.defaultErrnoRet, 1);
  assert.deepEqual(oci.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
  const find = (name: string): object[] => oci.syscalls.filter(({ names }) => names.includes(name));
  assert.deepEqual(find('clone3'), [{ names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }]);
  assert.deepEqual(find('socket'), [{ names: ['socket'], action: ALLOW, args: [{ index: 0, value: 40, op: 'SCMP_CMP_NE' }] }]);
  assert.deepEqual(find('clone'), [
    { names: ['clone'], action: ALLOW, args: [{ index: 0, value: 0x7e02_0000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }] },
  ]);
  assert.equal(find('personality').length, 5);
});

test('a profile of a file is passed on: actions, errors, conditions', () => {
  const args = [{ index: 1, value: 2, valueTwo: 3, op: 'SCMP_CMP_MASKED_EQ' }];
  const profile = parseCustomProfile(
    custom({ defaultErrnoRet: 38 }, [
      { names: ['chmod', 'fchmod'], action: 'SCMP_ACT_ERRNO', errnoRet: 13, args },
      { name: 'old', action: 'SCMP_ACT_KILL', args: null },
    ]),
    [],
  );
  assert.equal(profile.defaultErrnoRet, 38);
  assert.deepEqual(profile.syscalls, [
    { names: ['chmod', 'fchmod'], action: 'SCMP_ACT_ERRNO', errnoRet: 13, args },
    { names: ['old'], action: 'SCMP_ACT_KILL' },
  ]);
});

test('what includes and excludes say of capabilities decides as in Docker', () => {
  assert.ok(kept({}));
  assert.ok(kept({ includes: {}, excludes: {} }));
  assert.ok(kept({ includes: null, excludes: null }));
  assert.ok(kept({ includes: { caps: null }, excludes: { caps: null } }));
  assert.ok(!kept({ includes: { caps: ['CAP_SYS_ADMIN'] } }));
  assert.ok(kept({ includes: { caps: ['CAP_SYS_ADMIN'] } }, ['CAP_SYS_ADMIN']));
  assert.ok(!kept({ includes: { caps: ['CAP_A', 'CAP_B'] } }, ['CAP_A']), 'all that are included must be held');
  assert.ok(!kept({ excludes: { caps: ['CAP_SYS_ADMIN'] } }, ['CAP_SYS_ADMIN']));
  assert.ok(kept({ excludes: { caps: ['CAP_SYS_ADMIN'] } }));
  assert.ok(!kept({ excludes: { caps: ['CAP_A', 'CAP_B'] } }, ['CAP_A']), 'one that is excluded is enough');
  assert.ok(kept({ excludes: { caps: [] } }), 'an empty list excludes nothing');
});

test('what includes and excludes say of architectures decides too', () => {
  assert.ok(kept({ includes: { arches: ['amd64', 'x32'] } }));
  assert.ok(!kept({ includes: { arches: ['arm64'] } }));
  assert.ok(kept({ includes: { arches: [] } }), 'an empty list asks for nothing');
  assert.ok(!kept({ excludes: { arches: ['amd64'] } }));
  assert.ok(kept({ excludes: { arches: ['s390', 's390x'] } }));
});

test('the architectures of a profile are kept, those of this machine are the default', () => {
  const ours = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'];
  assert.deepEqual(parseCustomProfile(custom({}), []).architectures, ours);
  assert.deepEqual(parseCustomProfile(custom({ architectures: [] }), []).architectures, ours);
  assert.deepEqual(parseCustomProfile(custom({ architectures: null }), []).architectures, ours);
  assert.deepEqual(parseCustomProfile(custom({ architectures: ['SCMP_ARCH_X86_64'] }), []).architectures, ['SCMP_ARCH_X86_64']);
});

test('values beyond the integers of JavaScript stay what they are', () => {
  const json = `{"defaultAction":"${ALLOW}","syscalls":[{"names":["x"],"action":"${ALLOW}","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}`;
  assert.equal(parseCustomProfile(json, []).syscalls[0]?.args?.[0]?.value, 2n ** 64n - 1n);
});

test('what is no profile is refused with a reason', () => {
  const wrong = [
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"defaultAction":1}',
    custom({}, [{ names: ['x'] }]),
    custom({}, [{ names: 'x', action: ALLOW }]),
  ];
  for (const json of wrong)
    assert.throws(() => parseCustomProfile(json, []), { code: 'invalid', message: /^Decoding seccomp profile failed: ./ }, json);
  assert.throws(() => parseCustomProfile(custom({}, [{ name: 'a', names: ['b'], action: ALLOW }]), []), {
    code: 'invalid',
    message: /use either 'name' or 'names'/,
  });
});

test('what includes and excludes say of the kernel is asked of the one that will run it', () => {
  const onKernel = (conditions: object, kernel: string): boolean =>
    parseCustomProfile(custom({}, [rule(conditions)]), [], kernel).syscalls.length === 1;
  for (const [minimum, kernel, reached] of [
    ['4.8', '6.1.0-56-cloud-amd64', true],
    ['4.8', '4.8.0', true],
    ['4.8', '4.7.99', false],
    ['4.10', '4.9', false],
    ['5.0', '4.20', false],
    ['6.18.3', '6.18.44', true],
  ] as const) {
    assert.equal(onKernel({ includes: { minKernel: minimum } }, kernel), reached, `includes ${minimum} on ${kernel}`);
    assert.equal(onKernel({ excludes: { minKernel: minimum } }, kernel), !reached, `excludes ${minimum} on ${kernel}`);
  }
  assert.ok(onKernel({ includes: { minKernel: null }, excludes: { minKernel: null } }, '4.4'));
  for (const wrong of ['', 'x', '4', '0.0'])
    assert.throws(
      () => onKernel({ includes: { minKernel: wrong } }, '6.1'),
      /^AbodeError: Decoding seccomp profile failed: invalid kernel version: /,
    );
});
