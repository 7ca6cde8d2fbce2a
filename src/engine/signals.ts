import { constants } from 'node:os';
import { invalid } from '../base/errors.ts';

/** The number of a signal as clients name it: `TERM`, `SIGTERM`, `15`, `RTMIN+1`. */
export function signalNumber(name: string): number {
  if (/^\d+$/.test(name)) {
    const number = Number(name);
    if (number >= 1 && number <= 64) return number;
    throw invalid(`Invalid signal: ${name}`);
  }
  const upper = name.toUpperCase();
  const full = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const [, offset] = /^SIGRTMIN(?:\+(\d+))?$/.exec(full) ?? [];
  const number = full.startsWith('SIGRTMIN') ? 34 + Number(offset ?? 0) : (constants.signals as Record<string, number>)[full];
  if (number === undefined) throw invalid(`Invalid signal: ${name}`);
  return number;
}
