/** Those who wait for a container to end or to be gone. */
import type { WaitResult } from './api.ts';

interface Waiter {
  readonly condition: 'exit' | 'removed';
  readonly resolve: (result: WaitResult) => void;
}

export class Waiters {
  readonly #waiters = new Map<string, Set<Waiter>>();

  wait(id: string, condition: Waiter['condition'], signal: AbortSignal): Promise<WaitResult> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const set = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, set);
      const abort = (): void => {
        set.delete(waiter);
        reject(signal.reason instanceof Error ? signal.reason : new Error('the client went away'));
      };
      const waiter: Waiter = {
        condition,
        resolve: (result) => {
          set.delete(waiter);
          signal.removeEventListener('abort', abort);
          resolve(result);
        },
      };
      set.add(waiter);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  exited(id: string, result: WaitResult): void {
    for (const waiter of this.#waiters.get(id) ?? []) if (waiter.condition === 'exit') waiter.resolve(result);
  }

  /** Also tells those who waited for an exit that will never come. */
  removed(id: string, result: WaitResult): void {
    for (const waiter of this.#waiters.get(id) ?? []) waiter.resolve(result);
    this.#waiters.delete(id);
  }
}
