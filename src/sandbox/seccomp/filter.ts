/** What a seccomp filter decides: for each system call rules over its arguments, the first that holds giving the verdict. */

/** `(argument & mask) op value`, on 64 bits without a sign. */
export interface Condition {
  readonly index: number;
  readonly op: 'eq' | 'ge' | 'gt';
  /** Holds where the comparison does not. */
  readonly negated: boolean;
  readonly mask: bigint;
  readonly value: bigint;
}

export interface Rule {
  /** All must hold. */
  readonly conditions: readonly Condition[];
  readonly verdict: number;
}

export interface CallFilter {
  readonly rules: readonly Rule[];
  /** Where no rule holds. */
  readonly otherwise: number;
}

/** Calls by their number on x86-64. */
export interface Filter {
  readonly calls: ReadonlyMap<number, CallFilter>;
  /** Of every other call. */
  readonly otherwise: number;
  /** Of a call whose number is of the x32 ABI. */
  readonly x32: number;
  /** Of a call of another architecture: 32-bit programs. */
  readonly foreign: number;
}

export const X32_BIT = 0x4000_0000;
/** The number that a tracer leaves of a call that it has the kernel skip. */
export const SKIPPED = 0xffff_ffff;

/** linux/seccomp.h: what a program returns. */
export const Verdict = {
  KILL_PROCESS: 0x8000_0000,
  KILL_THREAD: 0,
  TRAP: 0x0003_0000,
  ERRNO: 0x0005_0000,
  TRACE: 0x7ff0_0000,
  LOG: 0x7ffc_0000,
  ALLOW: 0x7fff_0000,
} as const;
