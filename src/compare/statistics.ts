/** Statistics of small samples. Nothing here reads a clock, a file or an unseeded random number. */
import { pick, type Random, randomFrom } from './random.ts';

interface Spread {
  readonly low: number;
  readonly high: number;
  readonly kind: 'quartiles' | 'range';
}

export interface Summary {
  readonly count: number;
  readonly median: number;
  readonly spread: Spread;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface Ratio extends Interval {
  readonly value: number;
}

/** Quartiles of fewer values say less than the whole range does. */
const QUARTILES_FROM = 8;
/** Resampling fewer values gives an interval that is too narrow to be called one. */
export const INTERVAL_FROM = 5;
const RESAMPLES = 4000;
const CONFIDENCE = 0.95;

/** By linear interpolation between the ordered values (R's type 7). */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('a quantile of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (position - below);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function summarise(values: readonly number[]): Summary {
  const spread: Spread =
    values.length >= QUARTILES_FROM
      ? { low: quantile(values, 0.25), high: quantile(values, 0.75), kind: 'quartiles' }
      : { low: Math.min(...values), high: Math.max(...values), kind: 'range' };
  return { count: values.length, median: median(values), spread };
}

/** The ratio of the medians with its percentile bootstrap interval; undefined where there are too few values, or a median is 0. */
export function ratioOfMedians(values: readonly number[], base: readonly number[], seed: number): Ratio | undefined {
  if (values.length < INTERVAL_FROM || base.length < INTERVAL_FROM || median(base) <= 0) return undefined;
  const random = randomFrom(seed);
  const ratios: number[] = [];
  for (let index = 0; index < RESAMPLES; index += 1) {
    const divisor = median(resample(base, random));
    if (divisor > 0) ratios.push(median(resample(values, random)) / divisor);
  }
  const tail = (1 - CONFIDENCE) / 2;
  return {
    value: median(values) / median(base),
    low: quantile(ratios, tail),
    high: quantile(ratios, 1 - tail),
  };
}

export function overlap(a: Interval, b: Interval): boolean {
  return a.low <= b.high && b.low <= a.high;
}

function resample(values: readonly number[], random: Random): number[] {
  return values.map(() => values[pick(random, values.length)] as number);
}
