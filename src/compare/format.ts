/** Numbers as people read them: three significant digits and a unit. */
import type { Unit } from './measures.ts';

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

export function formatValue(value: number, unit: Unit): string {
  return unit === 'ms' ? formatDuration(value) : formatBytes(value);
}

export function formatDuration(milliseconds: number): string {
  return milliseconds < 999.5 ? `${digits(milliseconds)} ms` : `${digits(Math.max(1, milliseconds / 1000))} s`;
}

/** Decimal units, as `docker images` has them. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < BYTES.length - 1) {
    value = Math.max(1, value / 1000);
    unit += 1;
  }
  return unit === 0 ? `${String(Math.round(value))} B` : `${digits(value)} ${String(BYTES[unit])}`;
}

export function formatFactor(factor: number): string {
  return digits(factor);
}

/** Values of one measure share their unit in a range: `41.2–44.0 ms`. */
export function formatRange(low: number, high: number, unit: Unit): string {
  const [from, to] = [formatValue(low, unit), formatValue(high, unit)];
  if (from === to) return from;
  const fromUnit = from.split(' ')[1];
  return fromUnit === to.split(' ')[1] ? `${String(from.split(' ')[0])}–${to}` : `${from}–${to}`;
}

function digits(value: number): string {
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(3, Math.max(0, 2 - magnitude)));
}
