/** The order of the measurements. Pure. */
import { type Random, shuffle } from './random.ts';

export interface Share<T> {
  readonly item: T;
  readonly runs: number;
}

/**
 * Blocks in which each item comes at most once, in random order, so that a machine that slows down slows all of them.
 * An item with fewer runs than there are blocks is spread evenly over them.
 */
export function scheduleBlocks<T>(shares: readonly Share<T>[], random: Random): T[][] {
  const blocks = Math.max(0, ...shares.map(({ runs }) => runs));
  return Array.from({ length: blocks }, (_, block) => {
    const due = shares.filter(({ runs }) => Math.floor(((block + 1) * runs) / blocks) > Math.floor((block * runs) / blocks));
    return shuffle(
      due.map(({ item }) => item),
      random,
    );
  });
}
