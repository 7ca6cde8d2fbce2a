/** A seccomp profile as the OCI runtime specification writes it (config-linux.md, "Seccomp"), and Docker's own JSON form read into that. */
import { release } from 'node:os';
import { type Static, type TNull, type TOptional, type TSchema, type TUnion, Type } from 'typebox';
import { Value } from 'typebox/value';
import { invalid } from '../../base/errors.ts';
import { isAtLeast } from './kernel-version.ts';
import type { ArgumentRule, SeccompProfile } from './profile.ts';

export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly syscalls: ReadonlyArray<{
    readonly names: readonly string[];
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?: readonly OciArgument[];
  }>;
}

export interface OciArgument {
  readonly index: number;
  readonly value: number | bigint;
  readonly valueTwo?: number | bigint;
  readonly op: string;
}

/** All that Abode runs: x86-64 and the two other ABIs of its kernel. */
const ARCHITECTURES = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'];

export function toOci(profile: SeccompProfile): OciSeccomp {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: profile.defaultErrno,
    architectures: ARCHITECTURES,
    syscalls: profile.rules.map((rule) => ({
      names: rule.names,
      ...(rule.errno === undefined ? { action: 'SCMP_ACT_ALLOW' } : { action: 'SCMP_ACT_ERRNO', errnoRet: rule.errno }),
      ...(rule.args === undefined ? {} : { args: rule.args.map(argument) }),
    })),
  };
}

function argument(rule: ArgumentRule): OciArgument {
  switch (rule.op) {
    case 'eq':
      return { index: rule.index, value: rule.value, op: 'SCMP_CMP_EQ' };
    case 'ne':
      return { index: rule.index, value: rule.value, op: 'SCMP_CMP_NE' };
    case 'masked-eq':
      return { index: rule.index, value: rule.mask ?? 0, valueTwo: rule.value, op: 'SCMP_CMP_MASKED_EQ' };
  }
}

const nullable = <T extends TSchema>(schema: T): TOptional<TUnion<[TNull, T]>> => Type.Optional(Type.Union([Type.Null(), schema]));
const texts = Type.Array(Type.String());
const wide = Type.Union([Type.Integer(), Type.BigInt()]);
const conditions = Type.Object({ caps: nullable(texts), arches: nullable(texts), minKernel: nullable(Type.String()) });

const Custom = Type.Object({
  defaultAction: Type.String(),
  defaultErrnoRet: nullable(Type.Integer()),
  architectures: nullable(texts),
  syscalls: nullable(
    Type.Array(
      Type.Object({
        names: nullable(texts),
        name: nullable(Type.String()),
        action: Type.String(),
        errnoRet: nullable(Type.Integer()),
        args: nullable(Type.Array(Type.Object({ index: Type.Integer(), value: wide, valueTwo: nullable(wide), op: Type.String() }))),
        includes: nullable(conditions),
        excludes: nullable(conditions),
      }),
    ),
  ),
});

type Rule = NonNullable<Static<typeof Custom>['syscalls']>[number];

/** `--security-opt seccomp=FILE`: the client sends the file's content. `kernel` is the release of the one that will run it. */
export function parseCustomProfile(json: string, capabilities: readonly string[], kernel: string = release()): OciSeccomp {
  let data: unknown;
  try {
    data = JSON.parse(json, wholeNumber);
  } catch (cause) {
    throw invalid(`Decoding seccomp profile failed: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (!Value.Check(Custom, data)) throw invalid('Decoding seccomp profile failed: it does not have the form of a seccomp profile');
  return {
    defaultAction: data.defaultAction,
    ...(typeof data.defaultErrnoRet === 'number' ? { defaultErrnoRet: data.defaultErrnoRet } : {}),
    architectures: (data.architectures ?? []).length > 0 ? (data.architectures ?? []) : ARCHITECTURES,
    syscalls: (data.syscalls ?? [])
      .filter((rule) => applies(rule, capabilities, kernel))
      .map((rule) => ({
        names: namesOf(rule),
        action: rule.action,
        ...(typeof rule.errnoRet === 'number' ? { errnoRet: rule.errnoRet } : {}),
        ...((rule.args ?? []).length > 0 ? { args: (rule.args ?? []).map(customArgument) } : {}),
      })),
  };
}

/** All capabilities that a rule includes must be held, none that it excludes; of architectures one is enough. An empty list asks for nothing. */
function applies({ includes, excludes }: Rule, capabilities: readonly string[], kernel: string): boolean {
  const arches = includes?.arches ?? [];
  const reaches = (minimum: string | null | undefined, otherwise: boolean): boolean =>
    minimum === null || minimum === undefined ? otherwise : isAtLeast(kernel, minimum);
  return (
    reaches(includes?.minKernel, true) &&
    !reaches(excludes?.minKernel, false) &&
    (arches.length === 0 || arches.includes('amd64')) &&
    !(excludes?.arches ?? []).includes('amd64') &&
    (includes?.caps ?? []).every((name) => capabilities.includes(name)) &&
    !(excludes?.caps ?? []).some((name) => capabilities.includes(name))
  );
}

function namesOf({ name, names }: Rule): readonly string[] {
  const given = name ?? '';
  if (given === '') return names ?? [];
  if ((names ?? []).length > 0)
    throw invalid(
      "Decoding seccomp profile failed: 'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'",
    );
  return [given];
}

function customArgument({ index, value, valueTwo, op }: NonNullable<Rule['args']>[number]): OciArgument {
  return { index, value, ...(valueTwo === null || valueTwo === undefined ? {} : { valueTwo }), op };
}

/** Arguments have 64 bits, more than a JavaScript number holds. */
function wholeNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)
    ? BigInt(source)
    : value;
}
