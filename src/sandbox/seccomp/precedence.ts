/**
 * Which of several rules for one call is asked first. libseccomp keeps them as a tree of comparisons of 32-bit words: later arguments
 * before earlier ones, equality before order, of equalities and lower bounds the greater value first, of upper bounds the smaller.
 */
import { invalid } from '../../base/errors.ts';
import type { Condition, Rule } from './filter.ts';

/** One half of an argument, compared. */
interface Word {
  readonly half: number;
  readonly kind: 'equality' | 'upper bound' | 'lower bound';
  readonly mask: number;
  readonly value: number;
}

const KINDS: ReadonlyArray<Word['kind']> = ['equality', 'upper bound', 'lower bound'];

interface Placed {
  readonly rule: Rule;
  readonly words: readonly Word[];
}

/** A rule that would never be reached is left out; one that would take an earlier one's place with another verdict is refused. */
export function orderRules(rules: readonly Rule[]): readonly Rule[] {
  const placed: Placed[] = [];
  for (const rule of rules) {
    if (placed.some((earlier) => earlier.rule.verdict !== rule.verdict && startsWith(earlier.rule, rule)))
      throw invalid('seccomp profile: two rules for one system call have the same conditions and different actions');
    if (placed.some((earlier) => startsWith(rule, earlier.rule))) continue;
    const words = rule.conditions.flatMap(wordsOf);
    const behind = placed.findIndex((other) => compare(words, other.words) < 0);
    placed.splice(behind < 0 ? placed.length : behind, 0, { rule, words });
  }
  return placed.map(({ rule }) => rule);
}

function startsWith(longer: Rule, shorter: Rule): boolean {
  return shorter.conditions.every((condition, index) => {
    const other = longer.conditions[index];
    return (
      other !== undefined &&
      other.index === condition.index &&
      other.op === condition.op &&
      other.negated === condition.negated &&
      other.mask === condition.mask &&
      other.value === condition.value
    );
  });
}

function compare(left: readonly Word[], right: readonly Word[]): number {
  for (const [index, one] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const smaller = one.value - other.value;
    const order =
      other.half - one.half || KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || (one.kind === 'upper bound' ? smaller : -smaller);
    if (order !== 0) return order;
    if (one.mask !== other.mask) return 0;
  }
  return left.length - right.length;
}

function wordsOf({ index, op, negated, mask, value }: Condition): Word[] {
  const kind = op === 'eq' ? 'equality' : negated ? 'upper bound' : 'lower bound';
  return [1, 0].map((high) => ({
    half: 2 * index + high,
    kind,
    mask: Number(BigInt.asUintN(32, mask >> BigInt(32 * high))),
    value: Number(BigInt.asUintN(32, value >> BigInt(32 * high))),
  }));
}
