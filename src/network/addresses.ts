/** IPv4 addresses as numbers, and the addresses that a bridge gives out. */
import { invalid } from '../base/errors.ts';

export interface Subnet {
  readonly base: number;
  readonly prefixLength: number;
}

export function parseIpv4(text: string): number {
  const parts = /^\d{1,3}(\.\d{1,3}){3}$/.test(text) ? text.split('.').map(Number) : [];
  if (parts.length !== 4 || parts.some((part) => part > 255)) throw invalid(`invalid IPv4 address: ${text}`);
  return parts.reduce((number, part) => number * 256 + part, 0);
}

export function formatIpv4(number: number): string {
  return [24, 16, 8, 0].map((shift) => String(Math.floor(number / 2 ** shift) % 256)).join('.');
}

export function parseSubnet(text: string): Subnet {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,2})$/.exec(text) ?? [];
  const prefixLength = Number(prefix);
  if (prefixLength < 8 || prefixLength > 30) throw invalid(`invalid subnet: ${text}`);
  const size = 2 ** (32 - prefixLength);
  return { base: Math.floor(parseIpv4(address) / size) * size, prefixLength };
}

export function overlaps(left: Subnet, right: Subnet): boolean {
  const size = 2 ** (32 - Math.min(left.prefixLength, right.prefixLength));
  return Math.floor(left.base / size) === Math.floor(right.base / size);
}

/** The first address is the gateway's; the last is for broadcasts. */
export function gatewayOf(subnet: Subnet): number {
  return subnet.base + 1;
}

/**
 * The next free address after `last`, round and round: an address that was given back rests as long as possible, so that no
 * neighbour's cache sends a stranger's packets to it.
 */
export function nextFree(subnet: Subnet, last: number, taken: ReadonlySet<number>): number | undefined {
  const first = subnet.base + 2;
  const end = subnet.base + 2 ** (32 - subnet.prefixLength) - 2;
  const count = end - first + 1;
  const start = last >= first && last <= end ? last - first + 1 : 0;
  for (let step = 0; step < count; step += 1) {
    const candidate = first + ((start + step) % count);
    if (!taken.has(candidate)) return candidate;
  }
  return undefined;
}

/** Locally administered, derived from the address as Docker does: unique on the bridge. */
export function macOf(address: number): string {
  const bytes = [0x02, 0x42, ...[24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
