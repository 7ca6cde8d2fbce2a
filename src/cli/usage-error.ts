/** A command line that cannot be meant: exit status 2. */
import { AbodeError } from '../base/errors.ts';

export class UsageError extends AbodeError {
  constructor(message: string, hint?: string) {
    super('invalid', message, hint === undefined ? {} : { hint });
    this.name = 'UsageError';
  }
}
