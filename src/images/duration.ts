import { invalid } from '../base/errors.ts';

const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go's duration (`1h30m`, `0.5s`) in nanoseconds. */
export function parseDuration(text: string): number {
  const quoted = JSON.stringify(text);
  const [, sign = '', body = ''] = /^([+-]?)(.*)$/.exec(text) ?? [];
  if (body === '0') return 0;
  if (body === '') throw invalid(`time: invalid duration ${quoted}`);
  let total = 0;
  for (let rest = body; rest !== '';) {
    const [whole, number, unit] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest) ?? [];
    if (whole === undefined || number === undefined) throw invalid(`time: invalid duration ${quoted}`);
    if (unit === undefined || unit === '') throw invalid(`time: missing unit in duration ${quoted}`);
    const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (factor === undefined) throw invalid(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    total += Number(number) * factor;
    rest = rest.slice(whole.length);
  }
  return Math.round(sign === '-' ? -total : total);
}
