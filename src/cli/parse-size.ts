/** Sizes and counts as people give them on the command line. */
import { UsageError } from './usage-error.ts';

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** Docker's form: a number with b, k, m, g or t, powers of 1024. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim());
  const factor = FACTORS[match?.[2]?.toLowerCase() ?? '?'];
  const bytes = Math.round(Number(match?.[1]) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new UsageError(`${JSON.stringify(text)} is no size`, 'write it as 512m or 2g');
  return bytes;
}

export function parseCount(name: string): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1) {
      throw new UsageError(`${name} ${JSON.stringify(text)} is no whole number of at least 1`);
    }
    return count;
  };
}
