/** An engine's refusal, and an engine that is not there. */
import { AbodeError, type ErrorCode, hasErrno, messageOf } from '../base/errors.ts';

const CODES: Readonly<Record<number, ErrorCode>> = {
  304: 'not-modified',
  400: 'invalid',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  501: 'not-implemented',
  503: 'unavailable',
};

/** The engine answered, with another status than the call promises. */
export class EngineError extends AbodeError {
  readonly status: number;

  constructor(status: number, body: string) {
    super(CODES[status] ?? 'internal', messageOfBody(body) ?? `the engine answered with status ${String(status)}`);
    this.name = 'EngineError';
    this.status = status;
  }
}

/** What a failed connection means for a person. */
export function connectionError(socket: string, error: unknown): unknown {
  if (error instanceof AbodeError) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  if (hasErrno(error, 'ENOENT', 'ECONNREFUSED')) {
    return new AbodeError('unavailable', `no engine answers at ${socket}`, {
      cause: error,
      hint: 'start Abode with `abode up`',
    });
  }
  if (hasErrno(error, 'EACCES')) {
    return new AbodeError('unavailable', `${socket} may not be opened by this user`, {
      cause: error,
      hint: 'use sudo, or the group that owns the socket',
    });
  }
  return new AbodeError('unavailable', `the connection to ${socket} failed: ${messageOf(error)}`, {
    cause: error,
  });
}

/** Docker's `{"message": …}`; Podman's has `cause` beside it. */
function messageOfBody(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed && typeof parsed.message === 'string') return parsed.message;
  } catch {
    // Not JSON: the text is the message.
  }
  const text = body.trim();
  return text === '' ? undefined : text;
}
