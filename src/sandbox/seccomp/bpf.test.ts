import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { run } from '../../base/process.ts';
import { ALL_CAPABILITIES, resolveCapabilities } from '../capabilities.ts';
import { compileBpf } from './bpf.ts';
import { defaultFilter } from './default-filter.ts';
import { interpret } from './bpf-interpreter.ts';
import { type ArgumentRule, defaultProfile, type SeccompProfile } from './profile.ts';
import { systemCalls } from './system-calls.ts';

const X86_64 = 0xc000_003e;
const I386 = 0x4000_0003;
const ALLOW = 0x7fff_0000;
const refusal = (errno: number): number => 0x0005_0000 | errno;

const names = new Map([...systemCalls].map(([name, number]) => [number, name]));

/** What the profile says, read rule by rule. Of an argument the low 32 bits count: each of these the kernel itself reads as an int. */
function verdict(profile: SeccompProfile, number: number, args: readonly bigint[]): number {
  const name = names.get(number);
  const matching = profile.rules.filter(
    (rule) => name !== undefined && rule.names.includes(name) && (rule.args ?? []).every((condition) => holds(condition, args)),
  );
  if (matching.some((rule) => rule.errno === undefined)) return ALLOW;
  return refusal(matching[0]?.errno ?? profile.defaultErrno);
}

function holds({ index, op, value, mask }: ArgumentRule, args: readonly bigint[]): boolean {
  const argument = BigInt.asUintN(32, args[index] ?? 0n);
  switch (op) {
    case 'eq':
      return argument === BigInt(value);
    case 'ne':
      return argument !== BigInt(value);
    case 'masked-eq':
      return (argument & BigInt(mask ?? 0)) === BigInt(value);
  }
}

const profiles = [
  [],
  resolveCapabilities({ privileged: false, add: [], drop: [] }),
  ['CAP_SYS_ADMIN'],
  ['CAP_SYS_PTRACE', 'CAP_BPF'],
  ALL_CAPABILITIES,
].map((capabilities) => ({
  capabilities,
  profile: defaultProfile(capabilities),
  program: compileBpf(defaultFilter(defaultProfile(capabilities))),
}));

/** Values at which a condition of the profile may turn. */
const interesting = [
  ...[0n, 1n, 8n, 39n, 40n, 41n, 0x2_0000n, 0x2_0008n, 0x2_0009n, 0xffff_ffffn, 0xffff_fffen, 17n, 0x10_0000_0000n, 0x1_0000_0028n],
  ...Array.from({ length: 40 }, (_, bit) => 1n << BigInt(bit)),
];

test('for every known system call and the numbers around them, the program decides as the profile', () => {
  for (const { profile, program, capabilities } of profiles) {
    for (let number = 0; number < 600; number += 1) {
      for (const argument of interesting) {
        const args = [argument, 0n, 0n, 0n, 0n, 0n];
        assert.equal(
          interpret(program, { number, architecture: X86_64, args }),
          verdict(profile, number, args),
          `${names.get(number) ?? String(number)}(0x${argument.toString(16)}) with ${capabilities.join() || 'no capabilities'}`,
        );
      }
    }
  }
});

test('any call with any arguments is decided as the profile does', () => {
  const argument = fc.oneof(fc.constantFrom(...interesting), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
  fc.assert(
    fc.property(
      fc.constantFrom(...profiles),
      fc.oneof(fc.constantFrom(...systemCalls.values()), fc.integer({ min: 0, max: 0x3fff_ffff })),
      fc.array(argument, { minLength: 6, maxLength: 6 }),
      ({ profile, program }, number, args) => {
        assert.equal(interpret(program, { number, architecture: X86_64, args }), verdict(profile, number, args));
      },
    ),
    { numRuns: 1000 },
  );
});

test('another ABI gets nothing: neither x32 numbers nor 32-bit calls', () => {
  const args = [0n, 0n, 0n, 0n, 0n, 0n];
  for (const { profile, program } of profiles) {
    const refused = refusal(profile.defaultErrno);
    for (const number of systemCalls.values()) {
      for (const other of [0x4000_0000 + number, 0x8000_0000 + number, 0xc000_0000 + number])
        assert.equal(interpret(program, { number: other, architecture: X86_64, args }), refused, String(other));
      for (const architecture of [I386, 0xc000_00b7, 0])
        assert.equal(interpret(program, { number, architecture, args }), refused, `architecture ${String(architecture)}`);
    }
    assert.equal(interpret(program, { number: -1, architecture: X86_64, args }), refused);
  }
});

test('a profile of several conditions is compiled as it is meant', () => {
  const condition: fc.Arbitrary<ArgumentRule> = fc.record(
    {
      index: fc.integer({ min: 0, max: 5 }),
      op: fc.constantFrom('eq' as const, 'ne' as const, 'masked-eq' as const),
      value: fc.constantFrom(0, 1, 2, 3, 0xffff_ffff),
      mask: fc.constantFrom(0, 1, 3, 0xffff_ffff),
    },
    { noNullPrototype: true },
  );
  const rule = fc.record(
    { names: fc.constantFrom(['read'], ['write'], ['read', 'ioctl']), args: fc.array(condition, { minLength: 1, maxLength: 4 }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 4 }),
      fc.subarray(['open', 'close', 'write', 'futex']),
      fc.array(fc.bigInt({ min: 0n, max: 4n }), { minLength: 6, maxLength: 6 }),
      (rules, plain, args) => {
        const profile: SeccompProfile = { defaultErrno: 13, rules: [{ names: plain }, ...rules] };
        const program = compileBpf(defaultFilter(profile));
        for (const name of ['read', 'write', 'open', 'close', 'ioctl', 'futex', 'stat']) {
          const number = systemCalls.get(name) ?? assert.fail();
          assert.equal(interpret(program, { number, architecture: X86_64, args }), verdict(profile, number, args), name);
        }
      },
    ),
  );
});

test('the default program is short: a VM installs it at each start, and under emulation that shows', () => {
  for (const { program, capabilities } of profiles) {
    assert.ok(program.length / 8 <= 66, `${String(program.length / 8)} instructions with ${capabilities.join()}`);
  }
});

test('a call that is not known cannot be named', () => {
  assert.throws(() => defaultFilter({ defaultErrno: 1, rules: [{ names: ['no_such_call'] }] }), /no system call named no_such_call/);
});

// seccomp(2) and the calls below by number, as perl's syscall takes them.
const PERL = `
  my $filter = join '', <STDIN>;
  my $program = pack('S x6 P', length($filter) / 8, $filter);
  syscall(157, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!";
  syscall(317, 1, 0, $program) == 0 or die "seccomp: $!";
  for (['unshare', 272, 0x10000000], ['clone3', 435, 0, 0], ['vsock', 41, 40, 1, 0], ['mount', 165, 0, 0, 0, 0, 0], ['keyctl', 250, 0, 0]) {
    my ($name, $number, @args) = @$_;
    print "$name ", (syscall($number, @args) < 0 ? $! + 0 : 'allowed'), "\\n";
  }
  print 'unix ', (syscall(41, 1, 1, 0) < 0 ? $! + 0 : 'allowed'), "\\n";
`;

test('the kernel loads the program, and it decides there as here', { timeout: 60_000 }, async () => {
  const { stdout } = await run('perl', ['-e', PERL], { input: profiles[1]?.program ?? assert.fail() });
  assert.equal(stdout, 'unshare 1\nclone3 38\nvsock 1\nmount 1\nkeyctl 1\nunix allowed\n');
});
