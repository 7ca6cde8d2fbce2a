/** Builds a filter with the library that crun and runc build theirs with, to see in tests what it decides. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import type { OciArgument } from './oci.ts';

export interface ReferenceRule {
  readonly number: number;
  readonly verdict: number;
  readonly args: readonly OciArgument[];
}

const EEXIST = -17;
const OPERATORS = ['', 'NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}`);

const library = koffi.load('libseccomp.so.2');
koffi.struct('scmp_arg_cmp', { arg: 'uint32_t', op: 'int', datum_a: 'uint64_t', datum_b: 'uint64_t' });
const init = library.func('void *seccomp_init(uint32_t)');
const release = library.func('void seccomp_release(void *)');
const addRule = library.func('int seccomp_rule_add_array(void *, uint32_t, int, unsigned int, scmp_arg_cmp *)');
const exportBpf = library.func('int seccomp_export_bpf(void *, int)');

/** The program, or undefined where the library refuses a rule that contradicts another. */
export function buildReference(otherwise: number, rules: readonly ReferenceRule[]): Buffer | undefined {
  const context: unknown = init(otherwise);
  const directory = mkdtempSync(join(tmpdir(), 'seccomp-'));
  try {
    for (const { number, verdict, args } of rules) {
      const compared = args.map(({ index, op, value, valueTwo }) => ({
        arg: index,
        op: OPERATORS.indexOf(op),
        datum_a: BigInt(value),
        datum_b: BigInt(valueTwo ?? 0),
      }));
      const added: unknown = addRule(context, verdict, number, compared.length, compared);
      if (added === EEXIST) return undefined;
      assert.equal(added, 0);
    }
    const path = join(directory, 'bpf');
    const file = openSync(path, 'w');
    assert.equal(exportBpf(context, file), 0);
    closeSync(file);
    return readFileSync(path);
  } finally {
    release(context);
    rmSync(directory, { recursive: true });
  }
}
