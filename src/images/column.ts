import { AbodeError } from '../base/errors.ts';
import type { Row } from '../state/database.ts';

/** A column that holds text in every row. */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new AbodeError('internal', `the database's column ${column} holds no text`);
  return value;
}

export function textOrNothing(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : textOf(row, column);
}
