import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasErrno } from '../base/errors.ts';

/** `path`, or the nearest directory above it that exists: where it would be made. */
export async function existingParent(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    try {
      await stat(at);
      return at;
    } catch (error) {
      if (!hasErrno(error, 'ENOENT') || at === dirname(at)) throw error;
    }
  }
}
