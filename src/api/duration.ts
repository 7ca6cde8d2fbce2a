/** Lengths of time as Docker prints and reads them. */
import { invalid } from '../base/errors.ts';

/** "5 minutes", "About an hour": the words of `docker ps`. */
export function describeDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${String(seconds)} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${String(minutes)} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${String(hours)} hours`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${String(days)} days`;
  if (days < 60) return `${String(Math.floor(days / 7))} weeks`;
  if (days < 730) return `${String(Math.floor(days / 30))} months`;
  return `${String(Math.floor(seconds / 3600 / 24 / 365))} years`;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A moment, in milliseconds since 1970: a Unix time, an RFC 3339 date, or how long ago (`10m`, `1h30m`). */
export function parseMoment(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) {
    let ago = 0;
    for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) ago += Number(amount) * (UNITS[unit ?? ''] ?? 0);
    return now - ago;
  }
  const date = Date.parse(text);
  if (Number.isNaN(date)) throw invalid(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return date;
}
