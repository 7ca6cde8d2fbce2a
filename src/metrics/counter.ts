/** Counts by labels. */
import { counter, type Family, type Labels } from './family.ts';

export class Counter {
  readonly #name: string;
  readonly #help: string;
  readonly #counts = new Map<string, { labels: Labels; value: number }>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  add(labels: Labels, value = 1): void {
    const key = JSON.stringify(labels);
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { labels, value });
    else known.value += value;
  }

  read(): Family {
    return counter(
      this.#name,
      this.#help,
      [...this.#counts.values()].map(({ labels, value }) => ({ labels, value })),
    );
  }
}
