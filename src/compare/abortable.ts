/** Waiting that ends with the run's signal, whatever it waits for. */
import { AbodeError } from '../base/errors.ts';

export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    reject(signal.reason);
  };
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** For a request that makes something: an interruption waits for its answer, so that what was made can be removed. */
export async function settle<T>(creation: Promise<T>, signal: AbortSignal, remove: (made: T) => Promise<void>): Promise<T> {
  try {
    return await untilAborted(creation, signal);
  } catch (error) {
    if (signal.aborted) await creation.then(remove).catch(() => undefined);
    throw error;
  }
}

/** The user's signal and a deadline in one; what timed out says so by name. */
export async function withDeadline<T>(
  what: string,
  milliseconds: number,
  outer: AbortSignal,
  action: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(milliseconds);
  try {
    return await action(AbortSignal.any([outer, deadline]));
  } catch (error) {
    outer.throwIfAborted();
    if (!deadline.aborted) throw error;
    throw new AbodeError('unavailable', `${what} did not end within ${String(milliseconds / 1000)} s`, { cause: error });
  }
}
