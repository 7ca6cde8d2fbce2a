import { invalid } from '../base/errors.ts';
import { integer, type Parameter } from './query.ts';

/** The kernel keeps a terminal's rows and columns in 16 bits. */
export function terminalSize(query: { h?: Parameter; w?: Parameter }): {
  rows: number;
  columns: number;
} {
  return { rows: side(integer(query.h) ?? 0), columns: side(integer(query.w) ?? 0) };
}

export function side(value: number): number {
  if (value < 0 || value > 0xffff) throw invalid(`invalid terminal size: ${String(value)} is not between 0 and 65535`);
  return value;
}
