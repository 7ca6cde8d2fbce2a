/**
 * A seccomp filter as the BPF program that seccomp(2) takes, for the agent's own start of a process in a VM (crun compiles its own).
 * The kernel runs a program through for every call when it is installed and again at each call whose verdict hangs on arguments: the
 * call's number is found by halving.
 */
import { invalid } from '../../base/errors.ts';
import { type CallFilter, type Condition, type Filter, SKIPPED, X32_BIT } from './filter.ts';
import { JEQ, JGE, JGT, type Place, Program } from './program.ts';

// struct seccomp_data, linux/audit.h, linux/bpf_common.h
const AUDIT_ARCH_X86_64 = 0xc000_003e;
const OFFSET_NR = 0;
const OFFSET_ARCH = 4;
const OFFSET_ARGS = 16;
const BPF_MAXINSNS = 4096;

const ALL_BITS = 0xffff_ffff;
const COMPARISONS = { eq: JEQ, ge: JGE, gt: JGT } as const;

/** Numbers from `first` up to the next span's are decided at one place. */
interface Span {
  readonly first: number;
  readonly place: Place;
}

/** struct sock_filter[]: 8 bytes an instruction. */
export function compileBpf(filter: Filter): Buffer {
  const program = new Program();
  const numbers = program.load(OFFSET_NR, compileSpans(program, spansOf(program, filter)));
  program.load(OFFSET_ARCH, program.compare(JEQ, AUDIT_ARCH_X86_64, numbers, program.return(filter.foreign)));
  if (program.length > BPF_MAXINSNS)
    throw invalid(
      `the seccomp profile is too large: it needs ${String(program.length)} instructions, and the kernel takes ${String(BPF_MAXINSNS)}`,
    );
  return program.encode();
}

/** All numbers there are, neighbours that are decided alike taken together. */
function spansOf(program: Program, filter: Filter): Span[] {
  const otherwise = program.return(filter.otherwise);
  const spans: Span[] = [{ first: 0, place: otherwise }];
  const add = (first: number, place: Place): void => {
    if (spans.at(-1)?.first === first) spans.pop();
    if (spans.at(-1)?.place !== place) spans.push({ first, place });
  };
  const calls = [...filter.calls].sort(([left], [right]) => left - right);
  const places = new Map(calls.map(([number, call]) => [number, compileCall(program, call)]));
  for (const [number, place] of places) {
    add(number, place);
    add(number + 1, otherwise);
  }
  add(X32_BIT, program.return(filter.x32));
  add(SKIPPED, otherwise);
  return spans;
}

/** A call's rules, each going on with the next where it does not hold. */
function compileCall(program: Program, call: CallFilter): Place {
  return call.rules.reduceRight<Place>(
    (otherwise, rule) =>
      rule.conditions.reduceRight<Place>(
        (then, condition) => compileCondition(program, condition, then, otherwise),
        program.return(rule.verdict),
      ),
    program.return(call.otherwise),
  );
}

/** The accumulator has 32 bits: the high half decides, or leaves it to the low one. A half that is masked away is equal. */
function compileCondition(program: Program, { index, op, negated, mask, value }: Condition, then: Place, otherwise: Place): Place {
  if (then === otherwise) return then;
  const [holds, fails] = negated ? [otherwise, then] : [then, otherwise];
  const half = (shift: 0 | 32, compare: (wanted: number, go: (place: Place) => Place) => Place): Place => {
    const offset = OFFSET_ARGS + 8 * index + shift / 8;
    const bits = Number(BigInt.asUintN(32, mask >> BigInt(shift)));
    const wanted = Number(BigInt.asUintN(32, value >> BigInt(shift)));
    // The next rule often asks about the half that is loaded already.
    if (bits === ALL_BITS)
      return program.load(
        offset,
        compare(wanted, (place) => program.past(place, offset)),
      );
    return program.load(
      offset,
      program.and(
        bits,
        compare(wanted, (place) => place),
      ),
    );
  };
  const low = half(0, (wanted, go) => program.compare(COMPARISONS[op], wanted, go(holds), go(fails)));
  if (mask >> 32n === 0n) return low;
  return half(32, (wanted, go) => {
    const equal = program.compare(JEQ, wanted, low, go(fails));
    return op === 'eq' ? equal : program.compare(JGT, wanted, go(holds), equal);
  });
}

/** How many numbers a run of comparisons singles out before the spans are halved instead. */
const SINGLES = 3;

function compileSpans(program: Program, spans: readonly Span[]): Place {
  const leaves = gatherLeaves(spans);
  const halve = (from: number, to: number): Place => {
    const leaf = leaves[from];
    if (leaf === undefined) throw new RangeError('a filter without numbers');
    if (to - from === 1)
      return leaf.singles.reduceRight((otherwise, { first, place }) => program.compare(JEQ, first, place, otherwise), leaf.place);
    const middle = (from + to) >> 1;
    const upper = halve(middle, to);
    const lower = halve(from, middle);
    return program.compare(JGE, leaves[middle]?.first ?? 0, upper, lower);
  };
  return halve(0, leaves.length);
}

/** A span with numbers in it that are decided elsewhere: one comparison for each, where halving needs two. */
interface Leaf extends Span {
  readonly singles: readonly Span[];
}

function gatherLeaves(spans: readonly Span[]): Leaf[] {
  const leaves: Leaf[] = [];
  for (let at = 0; at < spans.length; at += 1) {
    const base = spans[at];
    if (base === undefined) break;
    const singles: Span[] = [];
    for (;;) {
      const next = singlesBehind(spans, at, base.place);
      if (next.length === 0 || singles.length + next.length > SINGLES) break;
      singles.push(...next);
      at += next.length + 1;
    }
    leaves.push({ ...base, singles });
  }
  return leaves;
}

/** The spans of one number each behind which it goes on as before. */
function singlesBehind(spans: readonly Span[], at: number, place: Place): readonly Span[] {
  for (let end = at + 1; end <= at + SINGLES; end += 1) {
    const [single, after] = [spans[end], spans[end + 1]];
    if (single === undefined || after?.first !== single.first + 1) break;
    if (after.place === place) return spans.slice(at + 1, end + 1);
  }
  return [];
}
