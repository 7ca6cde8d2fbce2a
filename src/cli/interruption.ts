/** Ctrl-C that first cleans up; the second one ends the process at once. */
import { AbodeError } from '../base/errors.ts';

export class Interrupted extends AbodeError {
  constructor() {
    super('unavailable', 'interrupted; everything made so far is removed');
    this.name = 'Interrupted';
  }
}

export async function interruptible<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupt = (): void => {
    controller.abort(new Interrupted());
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await action(controller.signal);
  } catch (error) {
    // Whatever broke because of the interruption, the interruption is the reason.
    controller.signal.throwIfAborted();
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
