/**
 * A profile of the runtime specification as a filter that decides what crun's would, which builds its own with libseccomp: the same
 * options mean the same in a container and in a VM (docs/decisions/0011).
 */
import { AbodeError, invalid } from '../../base/errors.ts';
import { type CallFilter, type Condition, type Filter, type Rule, Verdict } from './filter.ts';
import type { OciArgument, OciSeccomp } from './oci.ts';
import { orderRules } from './precedence.ts';
import { laterSystemCalls, systemCalls } from './system-calls.ts';

const EPERM = 1;
const ENOSYS = 38;
const ARGUMENTS = 6;
const ALL_BITS = 2n ** 64n - 1n;

/** What libseccomp says to an architecture that is not in the profile. */
const NOT_LISTED = Verdict.KILL_THREAD;

export function customFilter(profile: OciSeccomp): Filter {
  const otherwise = verdictOf(profile.defaultAction, profile.defaultErrnoRet);
  const byNumber = new Map<number, Rule[]>();
  for (const { names, action, errnoRet, args = [] } of profile.syscalls) {
    const verdict = verdictOf(action, errnoRet);
    const rules = alternatives(args.map(condition)).map((conditions) => ({ conditions, verdict }));
    // As crun and runc have it: says nothing new, even where it stands before a rule with another action.
    if (verdict === otherwise) continue;
    for (const name of names) {
      // What the guest's kernel does not know either it answers itself.
      const number = systemCalls.get(name) ?? laterSystemCalls.get(name);
      if (number !== undefined) byNumber.set(number, [...(byNumber.get(number) ?? []), ...rules]);
    }
  }
  const calls = new Map([...byNumber].map(([number, rules]): [number, CallFilter] => [number, callFilter(rules, otherwise)]));
  return { calls, otherwise, ...otherAbis(profile.architectures ?? [], otherwise) };
}

/** A rule without conditions is above all that have some, and the first such one counts. */
function callFilter(rules: readonly Rule[], otherwise: number): CallFilter {
  const plain = rules.find(({ conditions }) => conditions.length === 0);
  return plain === undefined ? { rules: orderRules(rules), otherwise } : { rules: [], otherwise: plain.verdict };
}

/**
 * Programs of the two other ABIs are not run under a filter in a VM, as under the default profile. Where the profile lists one, its
 * calls get the default action, or are unknown where that one would let them through.
 */
function otherAbis(architectures: readonly string[], otherwise: number): Pick<Filter, 'x32' | 'foreign'> {
  const allowing: readonly number[] = [Verdict.ALLOW, Verdict.LOG, Verdict.TRACE];
  const listed = allowing.includes((otherwise & 0xffff_0000) >>> 0) ? Verdict.ERRNO | ENOSYS : otherwise;
  return {
    x32: architectures.includes('SCMP_ARCH_X32') ? listed : NOT_LISTED,
    foreign: architectures.includes('SCMP_ARCH_X86') ? listed : NOT_LISTED,
  };
}

function verdictOf(action: string, errno: number | undefined): number {
  const data = errno ?? EPERM;
  if (!Number.isInteger(data) || data < 0 || data > 0xffff) throw invalid(`seccomp profile: ${String(data)} is no error number`);
  if (errno !== undefined && !['SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE'].includes(action))
    throw invalid(`seccomp profile: an error number goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not with ${action}`);
  switch (action) {
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return Verdict.KILL_THREAD;
    case 'SCMP_ACT_KILL_PROCESS':
      return Verdict.KILL_PROCESS;
    case 'SCMP_ACT_TRAP':
      return Verdict.TRAP;
    case 'SCMP_ACT_ERRNO':
      return Verdict.ERRNO | data;
    case 'SCMP_ACT_TRACE':
      return Verdict.TRACE | data;
    case 'SCMP_ACT_LOG':
      return Verdict.LOG;
    case 'SCMP_ACT_ALLOW':
      return Verdict.ALLOW;
    case 'SCMP_ACT_NOTIFY':
      throw new AbodeError(
        'not-implemented',
        'seccomp profile: SCMP_ACT_NOTIFY needs a supervisor that answers, and there is none in a VM of its own',
      );
    default:
      throw invalid(`seccomp profile: unknown action ${action}`);
  }
}

/** As crun and runc have it: all must hold, but where two are about one argument any of them is enough. */
function alternatives(conditions: readonly Condition[]): ReadonlyArray<readonly Condition[]> {
  const once = new Set(conditions.map(({ index }) => index)).size === conditions.length;
  const groups = once ? [conditions] : conditions.map((single) => [single]);
  return groups.map((group) => group.filter(({ mask }) => mask !== 0n).toSorted((left, right) => left.index - right.index));
}

function condition({ index, op, value, valueTwo }: OciArgument): Condition {
  if (index < 0 || index >= ARGUMENTS) throw invalid(`seccomp profile: a system call has no argument ${String(index)}`);
  const one = wide(value);
  const plain = { index, mask: ALL_BITS, value: one };
  switch (op) {
    case 'SCMP_CMP_EQ':
      return { ...plain, op: 'eq', negated: false };
    case 'SCMP_CMP_NE':
      return { ...plain, op: 'eq', negated: true };
    case 'SCMP_CMP_GE':
      return { ...plain, op: 'ge', negated: false };
    case 'SCMP_CMP_LT':
      return { ...plain, op: 'ge', negated: true };
    case 'SCMP_CMP_GT':
      return { ...plain, op: 'gt', negated: false };
    case 'SCMP_CMP_LE':
      return { ...plain, op: 'gt', negated: true };
    case 'SCMP_CMP_MASKED_EQ':
      // libseccomp masks both sides.
      return { index, op: 'eq', negated: false, mask: one, value: wide(valueTwo ?? 0) & one };
    default:
      throw invalid(`seccomp profile: unknown operator ${op}`);
  }
}

function wide(value: number | bigint): bigint {
  const whole = BigInt(value);
  if (whole < 0n || whole > ALL_BITS) throw invalid(`seccomp profile: ${String(whole)} is no value of 64 bits`);
  return whole;
}
