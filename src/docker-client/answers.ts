/** Reads the few fields that are used from an engine's answers, which are others' data. */
import { AbodeError } from '../base/errors.ts';

type Json = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw unreadable(what);
}

export function arrayOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unreadable(what);
}

export function stringOf(object: Json, key: string): string {
  const value = object[key];
  if (typeof value === 'string') return value;
  throw unreadable(key);
}

export function numberOf(object: Json, key: string): number {
  const value = object[key];
  if (typeof value === 'number') return value;
  throw unreadable(key);
}

function unreadable(what: string): AbodeError {
  return new AbodeError('internal', `the engine's answer has no usable ${what}`);
}
