/** Counts how many observations were at most as large as each bound. */
import type { Family, Labels, Sample } from './family.ts';

interface Series {
  readonly labels: Labels;
  readonly buckets: number[];
  sum: number;
  count: number;
}

export class Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Series>();

  /** `bounds` ascend; the last, infinity, is implied. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    const series = this.#find(labels);
    series.sum += value;
    series.count += 1;
    for (const [index, bound] of this.#bounds.entries()) if (value <= bound) series.buckets[index] = (series.buckets[index] ?? 0) + 1;
  }

  read(): Family {
    return {
      name: this.#name,
      type: 'histogram',
      help: this.#help,
      samples: [...this.#series.values()].flatMap((series) => this.#samples(series)),
    };
  }

  #find(labels: Labels): Series {
    const key = JSON.stringify(labels);
    const known = this.#series.get(key) ?? { labels, buckets: this.#bounds.map(() => 0), sum: 0, count: 0 };
    this.#series.set(key, known);
    return known;
  }

  #samples({ labels, buckets, sum, count }: Series): Sample[] {
    const bounds = [...this.#bounds.map(String), '+Inf'];
    return [
      ...bounds.map((le, index) => ({ labels: { ...labels, le }, value: buckets[index] ?? count, suffix: '_bucket' })),
      { labels, value: sum, suffix: '_sum' },
      { labels, value: count, suffix: '_count' },
    ];
  }
}
