/**
 * Every error that leaves a module is an AbodeError: a code that says who must act and how, and a message that says what
 * happened, to what, and what to do next. docs/errors.md lists the codes; api/ maps them to HTTP statuses.
 */
export type ErrorCode =
  | 'invalid' // the request cannot be right whatever the state: 400
  | 'forbidden' // 403
  | 'not-found' // 404
  | 'conflict' // right, but not in this state: 409
  | 'not-modified' // already so: 304
  | 'not-implemented' // 501
  | 'unavailable' // something needed is missing on this machine or did not answer: 503
  | 'internal'; // ours: 500

export class AbodeError extends Error {
  readonly code: ErrorCode;
  /** What to do next, for a person. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AbodeError';
    this.code = code;
    this.hint = options.hint;
  }
}

export const invalid = (message: string): AbodeError => new AbodeError('invalid', message);
export const notFound = (message: string): AbodeError => new AbodeError('not-found', message);
export const conflict = (message: string): AbodeError => new AbodeError('conflict', message);

/** True when `error` is a system error with one of these errno names (`ENOENT`, …). */
export function hasErrno(error: unknown, ...names: string[]): boolean {
  return error instanceof Error && 'code' in error && names.includes(String(error.code));
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
