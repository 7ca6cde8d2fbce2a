/**
 * A seccomp profile as the BPF program that seccomp(2) takes, for the agent's own start of a process in a VM (crun compiles its own).
 * x86-64 only, as the guest's kernel is; a call through another ABI (32 bits, x32) is answered with the default error.
 */
import { AbodeError } from '../../base/errors.ts';
import type { ArgumentRule, SeccompProfile } from './profile.ts';
import { systemCalls } from './system-calls.ts';

// linux/bpf_common.h, linux/seccomp.h, linux/audit.h
const LD_W_ABS = 0x20;
const JEQ = 0x15;
const JGE = 0x35;
const AND = 0x54;
const RET = 0x06;
const ALLOW = 0x7fff_0000;
const ERRNO = 0x0005_0000;
const AUDIT_ARCH_X86_64 = 0xc000_003e;
const X32_BIT = 0x4000_0000;
const OFFSET_NR = 0;
const OFFSET_ARCH = 4;
const OFFSET_ARGS = 16;

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const statement = (code: number, k: number): Instruction => ({ code, jt: 0, jf: 0, k });
const jump = (code: number, k: number, jt: number, jf: number): Instruction => ({ code, jt, jf, k });

/** struct sock_filter[]: 8 bytes an instruction. */
export function compileBpf(profile: SeccompProfile): Buffer {
  const refuse = statement(RET, ERRNO | profile.defaultErrno);
  const program: Instruction[] = [
    statement(LD_W_ABS, OFFSET_ARCH),
    jump(JEQ, AUDIT_ARCH_X86_64, 1, 0),
    refuse,
    statement(LD_W_ABS, OFFSET_NR),
    jump(JGE, X32_BIT, 0, 1),
    refuse,
    ...plainBlock(profile),
    ...profile.rules
      .filter((rule) => rule.args !== undefined || rule.errno !== undefined)
      .flatMap((rule) => rule.names.flatMap((name) => conditionalBlock(name, rule.args ?? [], rule.errno))),
    refuse,
  ];
  return encode(program);
}

/** Calls allowed whatever their arguments, as ranges of numbers: few comparisons, since the filter runs at each call. */
function plainBlock(profile: SeccompProfile): Instruction[] {
  const numbers = profile.rules
    .filter((rule) => rule.args === undefined && rule.errno === undefined)
    .flatMap((rule) => rule.names.map(numberOf))
    .sort((left, right) => left - right);
  const instructions: Instruction[] = [];
  for (let index = 0; index < numbers.length;) {
    const first = numbers[index] ?? 0;
    let last = first;
    while (numbers[index + 1] === last + 1) {
      last += 1;
      index += 1;
    }
    index += 1;
    if (first === last) {
      instructions.push(jump(JEQ, first, 0, 1), statement(RET, ALLOW));
    } else {
      instructions.push(jump(JGE, first, 0, 2), jump(JGE, last + 1, 1, 0), statement(RET, ALLOW));
    }
  }
  return instructions;
}

/** One call with conditions; the accumulator holds the call's number before and after. */
function conditionalBlock(name: string, args: readonly ArgumentRule[], errno: number | undefined): Instruction[] {
  const checks: Instruction[] = [];
  const verdict = statement(RET, errno === undefined ? ALLOW : ERRNO | errno);
  // Written from the end: each failed check jumps over the rest to the reload of the number.
  const rest: Instruction[] = [verdict];
  for (const rule of [...args].reverse()) {
    const skip = rest.length;
    const load = statement(LD_W_ABS, OFFSET_ARGS + 8 * rule.index);
    const mask = rule.op === 'masked-eq' ? [statement(AND, (rule.mask ?? 0) >>> 0)] : [];
    const test = rule.op === 'ne' ? jump(JEQ, rule.value >>> 0, skip, 0) : jump(JEQ, rule.value >>> 0, 0, skip);
    rest.unshift(load, ...mask, test);
  }
  checks.push(...rest);
  return [jump(JEQ, numberOf(name), 0, checks.length + 1), ...checks, statement(LD_W_ABS, OFFSET_NR)];
}

function numberOf(name: string): number {
  const number = systemCalls.get(name);
  if (number === undefined) throw new AbodeError('internal', `seccomp: no system call named ${name}`);
  return number;
}

function encode(program: readonly Instruction[]): Buffer {
  const data = Buffer.alloc(program.length * 8);
  program.forEach((instruction, index) => {
    data.writeUInt16LE(instruction.code, index * 8);
    data.writeUInt8(instruction.jt, index * 8 + 2);
    data.writeUInt8(instruction.jf, index * 8 + 3);
    data.writeUInt32LE(instruction.k >>> 0, index * 8 + 4);
  });
  return data;
}
