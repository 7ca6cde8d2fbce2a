/** What others' code says of a broken archive, in Docker's words. */
import { AbodeError, hasErrno, invalid, messageOf } from '../base/errors.ts';

export function corrupt(reason: string): AbodeError {
  return invalid(`Error processing tar file(exit status 1): ${reason}`);
}

/** Wraps errors of zlib, tar-stream and the file system; an AbodeError stays what it is. */
export function archiveError(error: unknown): AbodeError {
  if (error instanceof AbodeError) return error;
  if (hasErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new AbodeError('unavailable', 'no space left on device', {
      cause: error,
      hint: 'Remove images that are not needed (`docker image prune`).',
    });
  }
  const reason = reasonOf(error);
  if (reason === undefined) return new AbodeError('internal', messageOf(error), { cause: error });
  return new AbodeError('invalid', corrupt(reason).message, { cause: error });
}

function reasonOf(error: unknown): string | undefined {
  const message = messageOf(error);
  if (hasErrno(error, 'Z_BUF_ERROR', 'ZSTD_error_srcSize_wrong') || message === 'Unexpected end of data') return 'unexpected EOF';
  if (message.startsWith('Invalid tar header') || message.startsWith('Invalid format') || message === 'Header exceeds max size')
    return 'archive/tar: invalid tar header';
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^(Z_|ZSTD_)/.test(code) ? message : undefined;
}
