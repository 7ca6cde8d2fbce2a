import { invalid } from '../base/errors.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** `10m`, `1g`, `4096`: bytes, as Docker's options write sizes. */
export function parseSize(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(?:b|([kmgt])(?:i?b)?)?$/i.exec(text.trim()) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  if (number === '' || factor === undefined) throw invalid(`invalid size: '${text}'`);
  return Math.floor(Number(number) * factor);
}
