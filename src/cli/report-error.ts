/** Errors as people read them on stderr: `abode: what happened; what to do next`. */
import { AbodeError, messageOf } from '../base/errors.ts';
import { Interrupted } from './interruption.ts';
import { UsageError } from './usage-error.ts';

export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

export function explainError(error: unknown): string {
  const hint = error instanceof AbodeError ? error.hint : undefined;
  return `abode: ${messageOf(error)}${hint === undefined ? '' : `; ${hint}`}`;
}

export function exitStatusOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT_INTERRUPTED;
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
}
