/** Query parameters as Docker reads them. */
import Type from 'typebox';
import { invalid } from '../base/errors.ts';

/** Given once or several times. */
export const Parameter: Type.TOptional<Type.TUnion<[Type.TString, Type.TArray<Type.TString>]>> = Type.Optional(
  Type.Union([Type.String(), Type.Array(Type.String())]),
);
export type Parameter = string | string[] | undefined;

/** The first value; undefined when it is missing or empty. */
export function first(value: Parameter): string | undefined {
  const text = typeof value === 'string' ? value : value?.[0];
  return text === '' ? undefined : text;
}

export function all(value: Parameter): string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** Docker's booleans: everything is true but what says no. */
export function flag(value: Parameter): boolean {
  const text = (first(value) ?? '').trim().toLowerCase();
  return !(text === '' || text === '0' || text === 'no' || text === 'false' || text === 'none');
}

export function integer(value: Parameter): number | undefined {
  const text = first(value);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(number))
    throw invalid(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return number;
}

/** The longest date that JavaScript knows, in seconds; beyond it nothing can be meant. */
const MAX_SECONDS = 8_640_000_000_000n;

/** Docker's `seconds[.fraction]` since 1970, in nanoseconds. */
export function timestamp(value: Parameter): bigint | undefined {
  const text = first(value);
  if (text === undefined) return undefined;
  const match = /^(\d+)(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (match === null) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const seconds = BigInt(match[1] ?? '0');
  if (seconds > MAX_SECONDS) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return seconds * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

/** Nanoseconds as seconds with a fraction. */
export function toSeconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000_000n) + Number(nanoseconds % 1_000_000_000n) / 1e9;
}
