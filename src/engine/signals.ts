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
  const number = realTime(full) ?? (full === 'SIGCLD' ? constants.signals.SIGCHLD : (constants.signals as Record<string, number>)[full]);
  if (number === undefined) throw invalid(`Invalid signal: ${name}`);
  return number;
}

/** Those that have names: up to 15 above the least and 14 below the greatest. */
function realTime(name: string): number | undefined {
  const [, above] = /^SIGRTMIN(?:\+(\d{1,2}))?$/.exec(name) ?? [];
  if (name === 'SIGRTMIN' || (above !== undefined && Number(above) <= 15)) return 34 + Number(above ?? 0);
  const [, below] = /^SIGRTMAX(?:-(\d{1,2}))?$/.exec(name) ?? [];
  if (name === 'SIGRTMAX' || (below !== undefined && Number(below) <= 14)) return 64 - Number(below ?? 0);
  return undefined;
}
