/** A seccomp profile as the OCI runtime specification writes it (config-linux.md, "Seccomp"), and Docker's own JSON form read into that. */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { invalid } from '../../base/errors.ts';
import type { ArgumentRule, SeccompProfile } from './profile.ts';

export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly syscalls: ReadonlyArray<{
    readonly names: readonly string[];
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?: ReadonlyArray<{ readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: string }>;
  }>;
}

export function toOci(profile: SeccompProfile): OciSeccomp {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: profile.defaultErrno,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: profile.rules.map((rule) => ({
      names: rule.names,
      ...(rule.errno === undefined ? { action: 'SCMP_ACT_ALLOW' } : { action: 'SCMP_ACT_ERRNO', errnoRet: rule.errno }),
      ...(rule.args === undefined ? {} : { args: rule.args.map(argument) }),
    })),
  };
}

function argument(rule: ArgumentRule): { index: number; value: number; valueTwo?: number; op: string } {
  switch (rule.op) {
    case 'eq':
      return { index: rule.index, value: rule.value, op: 'SCMP_CMP_EQ' };
    case 'ne':
      return { index: rule.index, value: rule.value, op: 'SCMP_CMP_NE' };
    case 'masked-eq':
      return { index: rule.index, value: rule.mask ?? 0, valueTwo: rule.value, op: 'SCMP_CMP_MASKED_EQ' };
  }
}

const Custom = Type.Object({
  defaultAction: Type.String(),
  defaultErrnoRet: Type.Optional(Type.Integer()),
  syscalls: Type.Optional(
    Type.Array(
      Type.Object({
        names: Type.Optional(Type.Array(Type.String())),
        name: Type.Optional(Type.String()),
        action: Type.String(),
        errnoRet: Type.Optional(Type.Integer()),
        args: Type.Optional(
          Type.Union([
            Type.Null(),
            Type.Array(
              Type.Object({
                index: Type.Integer(),
                value: Type.Integer(),
                valueTwo: Type.Optional(Type.Integer()),
                op: Type.String(),
              }),
            ),
          ]),
        ),
        includes: Type.Optional(
          Type.Object({ caps: Type.Optional(Type.Array(Type.String())), arches: Type.Optional(Type.Array(Type.String())) }),
        ),
        excludes: Type.Optional(
          Type.Object({ caps: Type.Optional(Type.Array(Type.String())), arches: Type.Optional(Type.Array(Type.String())) }),
        ),
      }),
    ),
  ),
});

/** `--security-opt seccomp=FILE`: the client sends the file's content. */
export function parseCustomProfile(json: string, capabilities: readonly string[]): OciSeccomp {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch (cause) {
    throw invalid(`Decoding seccomp profile failed: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (!Value.Check(Custom, data)) throw invalid('Decoding seccomp profile failed: it does not have the form of a seccomp profile');
  const held = (names: readonly string[] | undefined): boolean => (names ?? []).every((name) => capabilities.includes(name));
  return {
    defaultAction: data.defaultAction,
    ...(data.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: data.defaultErrnoRet }),
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: (data.syscalls ?? [])
      .filter((rule) => rule.includes?.arches === undefined || rule.includes.arches.includes('amd64'))
      .filter((rule) => held(rule.includes?.caps))
      .filter((rule) => rule.excludes?.caps === undefined || !held(rule.excludes.caps))
      .map((rule) => ({
        names: rule.names ?? (rule.name === undefined ? [] : [rule.name]),
        action: rule.action,
        ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
        ...(rule.args === undefined || rule.args === null ? {} : { args: rule.args }),
      })),
  };
}
