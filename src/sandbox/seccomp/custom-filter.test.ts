import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { run } from '../../base/process.ts';
import { compileBpf } from './bpf.ts';
import { interpret } from './bpf-interpreter.ts';
import { customFilter } from './custom-filter.ts';
import { buildReference } from './libseccomp.ts';
import type { OciArgument, OciSeccomp } from './oci.ts';
import { laterSystemCalls, systemCalls } from './system-calls.ts';

const X86_64 = 0xc000_003e;
const I386 = 0x4000_0003;
const X32 = 0x4000_0000;
const ACTIONS: ReadonlyMap<string, number> = new Map([
  ['SCMP_ACT_KILL', 0],
  ['SCMP_ACT_KILL_THREAD', 0],
  ['SCMP_ACT_KILL_PROCESS', 0x8000_0000],
  ['SCMP_ACT_TRAP', 0x0003_0000],
  ['SCMP_ACT_ERRNO', 0x0005_0001],
  ['SCMP_ACT_TRACE', 0x7ff0_0001],
  ['SCMP_ACT_LOG', 0x7ffc_0000],
  ['SCMP_ACT_ALLOW', 0x7fff_0000],
]);
const OPERATORS = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}`);

type Syscall = OciSeccomp['syscalls'][number];

const none = [0n, 0n, 0n, 0n, 0n, 0n];
const numberOf = (name: string): number => systemCalls.get(name) ?? laterSystemCalls.get(name) ?? assert.fail(name);

function decide(profile: Partial<OciSeccomp>, name: string, ...args: bigint[]): string {
  const program = compileBpf(customFilter({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [], ...profile }));
  return verdict(program, name, args);
}

function verdict(program: Buffer, name: string, args: readonly bigint[] = none): string {
  return interpret(program, { number: numberOf(name), architecture: X86_64, args })
    .toString(16)
    .padStart(8, '0');
}

/** What the runtime specification says of one condition. */
function holds({ index, op, value, valueTwo }: OciArgument, args: readonly bigint[]): boolean {
  const [argument, one] = [args[index] ?? 0n, BigInt(value)];
  switch (op) {
    case 'SCMP_CMP_NE':
      return argument !== one;
    case 'SCMP_CMP_LT':
      return argument < one;
    case 'SCMP_CMP_LE':
      return argument <= one;
    case 'SCMP_CMP_EQ':
      return argument === one;
    case 'SCMP_CMP_GE':
      return argument >= one;
    case 'SCMP_CMP_GT':
      return argument > one;
    default:
      return (argument & one) === (BigInt(valueTwo ?? 0) & one);
  }
}

function matches({ args = [] }: Syscall, values: readonly bigint[]): boolean {
  const twice = new Set(args.map(({ index }) => index)).size < args.length;
  return twice ? args.some((condition) => holds(condition, values)) : args.every((condition) => holds(condition, values));
}

/** All that the profile's rules would say to the call. */
function said(profile: OciSeccomp, name: string, args: readonly bigint[]): Set<number> {
  const verdictOf = (action: string, errno?: number): number => {
    const plain = ACTIONS.get(action) ?? assert.fail(action);
    return errno === undefined ? plain : plain - 1 + errno;
  };
  const otherwise = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const rules = profile.syscalls
    .filter((rule) => rule.names.includes(name))
    .map((rule) => ({ rule, verdict: verdictOf(rule.action, rule.errnoRet) }))
    .filter((rule) => rule.verdict !== otherwise);
  const plain = rules.find(({ rule }) => (rule.args ?? []).length === 0);
  if (plain !== undefined) return new Set([plain.verdict]);
  const matching = rules.filter(({ rule }) => matches(rule, args)).map((rule) => rule.verdict);
  return new Set(matching.length === 0 ? [otherwise] : matching);
}

const edges = [0n, 1n, 2n, 3n, 0xffff_fffen, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n, 0x1_ffff_ffffn, 2n ** 63n, 2n ** 64n - 1n];
const argument = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...edges) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
);
const values = fc.array(argument, { minLength: 6, maxLength: 6 });

function conditions(operators: readonly string[], indexes: number): fc.Arbitrary<OciArgument> {
  return fc.record(
    {
      index: fc.integer({ min: 0, max: indexes - 1 }),
      op: fc.constantFrom(...operators),
      // A mask of nothing makes a condition none: tested by itself.
      value: argument.filter((value) => value !== 0n),
      valueTwo: argument,
    },
    { noNullPrototype: true },
  );
}

const withErrno = fc.record(
  { action: fc.constantFrom('SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE'), errnoRet: fc.integer({ min: 0, max: 4095 }) },
  { noNullPrototype: true },
);
const action = fc.oneof(withErrno, fc.record({ action: fc.constantFrom(...ACTIONS.keys()) }, { noNullPrototype: true }));
const calls = [...systemCalls.keys(), ...laterSystemCalls.keys()];

test('any profile decides any call as the profile reads', () => {
  const names = fc.oneof(
    fc.subarray(['read', 'write', 'open', 'close', 'fchmodat2'], { minLength: 1 }),
    fc.subarray(calls, { minLength: 1 }),
  );
  const rule = fc.tuple(names, action, fc.array(conditions(OPERATORS, 6), { maxLength: 3 }));
  fc.assert(
    fc.property(action, fc.array(rule, { maxLength: 8 }), fc.array(values, { minLength: 1, maxLength: 4 }), (byDefault, rules, tried) => {
      const profile: OciSeccomp = {
        defaultAction: byDefault.action,
        ...('errnoRet' in byDefault ? { defaultErrnoRet: byDefault.errnoRet } : {}),
        syscalls: rules.map(([of, does, args]) => ({ names: of, ...does, args })),
      };
      let program: Buffer;
      try {
        program = compileBpf(customFilter(profile));
      } catch (error) {
        fc.pre(!(error instanceof Error && /too large|same conditions and different actions/.test(error.message)));
        throw error;
      }
      for (const name of [
        'read',
        'write',
        'open',
        'close',
        'fchmodat2',
        'getpid',
        'set_mempolicy_home_node',
        ...rules.flatMap(([of]) => of.slice(0, 2)),
      ]) {
        for (const args of tried) {
          const decided = interpret(program, { number: numberOf(name), architecture: X86_64, args });
          const expected = said(profile, name, args);
          assert.ok(
            expected.has(decided),
            `${name}(${args.join()}): ${decided.toString(16)}, not of ${[...expected].map((one) => one.toString(16)).join()}`,
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a rule alone decides as libseccomp has it', () => {
  const args = fc.uniqueArray(conditions(OPERATORS, 6), { selector: ({ index }) => index, maxLength: 4 });
  fc.assert(
    fc.property(args, fc.array(values, { minLength: 1, maxLength: 8 }), (compared, tried) => {
      const reference = buildReference(0x0005_0001, [{ number: 0, verdict: 0x7fff_0000, args: compared }]) ?? assert.fail();
      const rule = { names: ['read'], action: 'SCMP_ACT_ALLOW', args: compared };
      const program = compileBpf(customFilter({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] }));
      for (const call of tried) {
        const data = { number: 0, architecture: X86_64, args: call };
        assert.equal(interpret(program, data), interpret(reference, data), call.join());
      }
    }),
    { numRuns: 200 },
  );
});

/** All that `later` asks for `earlier` asks for first, with another action: it would never be reached. */
function isTakenBy([does, args]: [string, OciArgument[]], [does2, args2]: [string, OciArgument[]]): boolean {
  const sorted = (of: OciArgument[]): string[] =>
    of.toSorted((left, right) => left.index - right.index).map(({ index, value }) => `${String(index)}=${String(value)}`);
  const long = sorted(args);
  return does !== does2 && sorted(args2).every((one, at) => long[at] === one);
}

test('of several equalities over one call the one is asked first that libseccomp asks first; a contradiction is refused as there', () => {
  const args = fc.uniqueArray(conditions(['SCMP_CMP_EQ'], 3), { selector: ({ index }) => index, minLength: 1, maxLength: 3 });
  const rule = fc.tuple(fc.constantFrom('SCMP_ACT_ALLOW', 'SCMP_ACT_TRAP', 'SCMP_ACT_KILL_PROCESS'), args);
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 5 }), fc.array(values, { minLength: 1, maxLength: 8 }), (rules, tried) => {
      const reference = buildReference(
        0x0005_0001,
        rules.map(([does, compared]) => ({ number: 0, verdict: ACTIONS.get(does) ?? 0, args: compared })),
      );
      const compile = (): Buffer =>
        compileBpf(
          customFilter({
            defaultAction: 'SCMP_ACT_ERRNO',
            syscalls: rules.map(([does, compared]) => ({ names: ['read'], action: does, args: compared })),
          }),
        );
      if (reference === undefined) return assert.throws(compile, { code: 'invalid', message: /different actions/ });
      let program: Buffer;
      try {
        program = compile();
      } catch (error) {
        // libseccomp refuses it or not by what else is in its tree; here it always is.
        assert.match(String(error), /different actions/);
        assert.ok(rules.some((later, index) => rules.slice(0, index).some((earlier) => isTakenBy(earlier, later))));
        return undefined;
      }
      for (const call of tried) {
        const data = { number: 0, architecture: X86_64, args: call };
        assert.equal(interpret(program, data), interpret(reference, data), call.join());
      }
      return undefined;
    }),
    { numRuns: 300 },
  );
});

test('a rule without conditions is above those that have some, and the first such one counts', () => {
  const conditional = { names: ['read'], action: 'SCMP_ACT_TRAP', args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] };
  const masked = { names: ['read'], action: 'SCMP_ACT_LOG', args: [{ index: 0, value: 0, valueTwo: 5, op: 'SCMP_CMP_MASKED_EQ' }] };
  const allow = { names: ['read'], action: 'SCMP_ACT_ALLOW' };
  const kill = { names: ['read'], action: 'SCMP_ACT_KILL_PROCESS' };
  assert.equal(decide({ syscalls: [conditional] }, 'read', 1n), '00030000');
  assert.equal(decide({ syscalls: [conditional, allow, kill] }, 'read', 1n), '7fff0000');
  assert.equal(decide({ syscalls: [kill, allow, conditional] }, 'read', 1n), '80000000');
  assert.equal(decide({ syscalls: [masked, conditional] }, 'read', 1n), '7ffc0000', 'a mask of nothing asks for nothing');
  // What says the default action says nothing.
  assert.equal(decide({ syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO' }, allow] }, 'read'), '7fff0000');
});

test('conditions of one rule must all hold, two over one argument are alternatives', () => {
  const at = (index: number, op: string, value: number): OciArgument => ({ index, value, op: `SCMP_CMP_${op}` });
  const both = [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: [at(1, 'EQ', 7), at(0, 'GT', 3)] }];
  assert.deepEqual(
    [decide({ syscalls: both }, 'read', 4n, 7n), decide({ syscalls: both }, 'read', 3n, 7n), decide({ syscalls: both }, 'read', 4n, 6n)],
    ['7fff0000', '00050001', '00050001'],
  );
  const either = [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: [at(0, 'EQ', 7), at(0, 'EQ', 9)] }];
  assert.deepEqual(
    [7n, 8n, 9n].map((value) => decide({ syscalls: either }, 'read', value)),
    ['7fff0000', '00050001', '7fff0000'],
  );
});

test('error numbers are given where they can be, and EPERM where there is none', () => {
  const errno = (more: object): Partial<OciSeccomp> => ({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', ...more }],
  });
  assert.equal(decide(errno({ errnoRet: 28 }), 'mkdir'), '0005001c');
  assert.equal(decide(errno({ errnoRet: 0 }), 'mkdir'), '00050000');
  assert.equal(decide(errno({}), 'mkdir'), '00050001');
  assert.equal(decide({ defaultErrnoRet: 38 }, 'mkdir'), '00050026');
  for (const number of [-1, 1.5, 0x1_0000])
    assert.throws(() => decide(errno({ errnoRet: number }), 'mkdir'), { code: 'invalid', message: /no error number/ });
  assert.throws(() => decide({ defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 }, 'mkdir'), {
    code: 'invalid',
    message: /not with SCMP_ACT_ALLOW/,
  });
});

test('unknown system calls are left out; those newer than the default profile are not', () => {
  const deny = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['no_such_call', 'mseal', 'read'], action: 'SCMP_ACT_KILL_PROCESS' }],
  };
  assert.deepEqual([decide(deny, 'read'), decide(deny, 'mseal'), decide(deny, 'write')], ['80000000', '80000000', '7fff0000']);
  assert.deepEqual([numberOf('cachestat'), numberOf('mseal'), numberOf('file_setattr')], [451, 462, 469]);
});

test('what a profile says of no other ABI is never more than it says of its own', () => {
  const of = (
    defaultAction: string,
    architectures: readonly string[] | undefined,
    call: { number: number; architecture: number },
  ): string => {
    const profile = {
      defaultAction,
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_LOG' }],
      ...(architectures === undefined ? {} : { architectures }),
    };
    return interpret(compileBpf(customFilter(profile)), { ...call, args: none })
      .toString(16)
      .padStart(8, '0');
  };
  const both = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'];
  for (const call of [
    { number: 3, architecture: I386 },
    { number: X32, architecture: X86_64 },
    { number: X32 + 1, architecture: X86_64 },
    { number: 0xffff_fffe, architecture: X86_64 },
  ]) {
    for (const listed of [undefined, ['SCMP_ARCH_X86_64']])
      assert.equal(of('SCMP_ACT_ALLOW', listed, call), '00000000', 'killed where not listed');
    for (const letting of ['ALLOW', 'LOG', 'TRACE']) assert.equal(of(`SCMP_ACT_${letting}`, both, call), '00050026', `${letting}: unknown`);
    assert.equal(of('SCMP_ACT_KILL_PROCESS', both, call), '80000000');
    assert.equal(of('SCMP_ACT_ERRNO', both, call), '00050001');
  }
  assert.equal(of('SCMP_ACT_ERRNO', both, { number: 0, architecture: 0xc000_00b7 }), '00050001');
  assert.equal(
    of('SCMP_ACT_ALLOW', undefined, { number: 0xffff_ffff, architecture: X86_64 }),
    '7fff0000',
    'a call that a tracer has skipped',
  );
});

test('what cannot be is refused with a reason', () => {
  const withArgument = (more: object): Partial<OciSeccomp> => ({
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ', ...more }] }],
  });
  const wrong: ReadonlyArray<readonly [Partial<OciSeccomp>, RegExp]> = [
    [{ defaultAction: 'ALLOW' }, /unknown action ALLOW/],
    [{ syscalls: [{ names: ['no_such_call'], action: 'SCMP_ACT_NONE' }] }, /unknown action SCMP_ACT_NONE/],
    [withArgument({ op: 'SCMP_CMP_LIKE' }), /unknown operator SCMP_CMP_LIKE/],
    [withArgument({ index: 6 }), /no argument 6/],
    [withArgument({ index: -1 }), /no argument -1/],
    [withArgument({ value: -1 }), /-1 is no value of 64 bits/],
    [withArgument({ value: 2n ** 64n }), /is no value of 64 bits/],
  ];
  for (const [profile, message] of wrong) assert.throws(() => decide(profile, 'read'), { code: 'invalid', message });
  for (const profile of [{ defaultAction: 'SCMP_ACT_NOTIFY' }, { syscalls: [{ names: ['read'], action: 'SCMP_ACT_NOTIFY' }] }])
    assert.throws(() => decide(profile, 'read'), { code: 'not-implemented', message: /SCMP_ACT_NOTIFY needs a supervisor/ });
});

test('jumps further than a byte counts are bridged, and more than the kernel takes is refused', () => {
  const many = (count: number): OciSeccomp => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: Array.from({ length: count }, (_, index) => ({
      names: [calls[index % calls.length] ?? assert.fail()],
      action: index % 3 === 0 ? 'SCMP_ACT_ALLOW' : index % 3 === 1 ? 'SCMP_ACT_TRAP' : 'SCMP_ACT_LOG',
      args: [{ index: index % 6, value: index + 1, op: 'SCMP_CMP_EQ' }],
    })),
  });
  for (const count of [150, 380, 700]) {
    const profile = many(count);
    const program = compileBpf(customFilter(profile));
    assert.ok(program.length / 8 > 300, 'a program longer than a jump');
    for (const [index, { names, args }] of profile.syscalls.entries()) {
      const name = names[0] ?? assert.fail();
      for (const value of [BigInt(index), BigInt(args?.[0]?.value ?? 0), 2n ** 32n + BigInt(index + 1)]) {
        const call = none.map((_, at) => (at === index % 6 ? value : 0n));
        assert.ok(said(profile, name, call).has(parseInt(verdict(program, name, call), 16)), `${name} of ${String(count)}`);
      }
    }
  }
  assert.throws(() => compileBpf(customFilter(many(3000))), {
    code: 'invalid',
    message: /too large: it needs \d+ instructions, and the kernel takes 4096/,
  });
});

// seccomp(2) and the calls below by number, as perl's syscall takes them.
const PERL = `
  my $filter = join '', <STDIN>;
  my $program = pack('S x6 P', length($filter) / 8, $filter);
  syscall(157, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!";
  syscall(317, 1, 0, $program) == 0 or die "seccomp: $!";
  my $directory = "/no/such\\0";
  for (['mkdir', 83, $directory, 0], ['near', 62, 0, 0x7fffffff], ['far', 62, 0, 0x100000000], ['getpgid', 121, 0], ['getpgid of 2^33', 121, 1 << 33]) {
    my ($name, $number, @args) = @$_;
    print "$name ", (syscall($number, @args) < 0 ? $! + 0 : 'allowed'), "\\n";
  }
`;

test('the kernel loads a long program, and it decides there as here', { timeout: 60_000 }, async () => {
  const tables = ['memfd_secret', 'mq_unlink', 'quotactl', 'acct', 'swapon', 'swapoff', 'getsid', 'iopl', 'reboot'];
  const filler = Array.from({ length: 400 }, (_, index): Syscall => ({
    names: [tables[index % tables.length] ?? assert.fail()],
    action: index % 2 === 0 ? 'SCMP_ACT_TRAP' : 'SCMP_ACT_KILL_PROCESS',
    args: [{ index: 1, value: 2n ** 40n + BigInt(index), op: 'SCMP_CMP_EQ' }],
  }));
  const refuse = (name: string, errnoRet: number, args: readonly OciArgument[]): Syscall => ({
    names: [name],
    action: 'SCMP_ACT_ERRNO',
    errnoRet,
    args,
  });
  const program = compileBpf(
    customFilter({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        ...filler,
        refuse('mkdir', 28, []),
        refuse('kill', 95, [{ index: 1, value: 0x1_0000_0000, op: 'SCMP_CMP_GE' }]),
        refuse('getpgid', 96, [{ index: 0, value: 2n ** 33n, op: 'SCMP_CMP_EQ' }]),
      ],
    }),
  );
  assert.ok(program.length / 8 > 1000, 'a program longer than any jump');
  const { stdout } = await run('perl', ['-e', PERL], { input: program });
  assert.equal(stdout, 'mkdir 28\nnear 22\nfar 95\ngetpgid allowed\ngetpgid of 2^33 96\n');
});
