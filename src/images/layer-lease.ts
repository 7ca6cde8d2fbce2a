/** Keeps layers that no image refers to yet, or no longer, while somebody works with them. Gone with the process. */
export class LayerLeases {
  readonly #held = new Map<string, number>();

  hold(chains: readonly string[]): LayerLease {
    const lease = new LayerLease(this.#held);
    for (const chain of chains) lease.add(chain);
    return lease;
  }

  has(chain: string): boolean {
    return this.#held.has(chain);
  }
}

export class LayerLease implements Disposable {
  readonly #held: Map<string, number>;
  readonly #chains: string[] = [];

  constructor(held: Map<string, number>) {
    this.#held = held;
  }

  add(chain: string): void {
    this.#held.set(chain, (this.#held.get(chain) ?? 0) + 1);
    this.#chains.push(chain);
  }

  [Symbol.dispose](): void {
    for (const chain of this.#chains.splice(0)) {
      const left = (this.#held.get(chain) ?? 1) - 1;
      if (left === 0) this.#held.delete(chain);
      else this.#held.set(chain, left);
    }
  }
}
