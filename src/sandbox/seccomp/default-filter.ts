/** The default profile as a filter. */
import { AbodeError } from '../../base/errors.ts';
import { type CallFilter, type Condition, type Filter, type Rule, Verdict } from './filter.ts';
import type { ArgumentRule, SeccompProfile } from './profile.ts';
import { systemCalls } from './system-calls.ts';

/** A call of another ABI is answered as one that is not known. */
export function defaultFilter(profile: SeccompProfile): Filter {
  const otherwise = Verdict.ERRNO | profile.defaultErrno;
  const calls = new Map<number, CallFilter>();
  for (const { names, errno, args = [] } of profile.rules) {
    const rule: Rule = { conditions: args.map(condition), verdict: errno === undefined ? Verdict.ALLOW : Verdict.ERRNO | errno };
    for (const number of names.map(numberOf)) {
      const call = calls.get(number) ?? { rules: [], otherwise };
      calls.set(number, { rules: [...call.rules, rule], otherwise });
    }
  }
  return { calls, otherwise, x32: otherwise, foreign: otherwise };
}

/**
 * Only the low half is compared: each of these arguments the kernel itself reads as an int. A profile of the runtime specification
 * cannot say so of `ne`, where a bit in the high half would make any family of sockets another one.
 */
function condition({ index, op, value, mask }: ArgumentRule): Condition {
  return {
    index,
    op: 'eq',
    negated: op === 'ne',
    mask: op === 'masked-eq' ? BigInt(mask ?? 0) : 0xffff_ffffn,
    value: BigInt(value),
  };
}

function numberOf(name: string): number {
  const number = systemCalls.get(name);
  if (number === undefined) throw new AbodeError('internal', `seccomp: no system call named ${name}`);
  return number;
}
