/** What the host has already: addresses and routes that a new bridge must not shadow, name servers, the outgoing MTU. */
import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { readFileIfThere } from '../base/files.ts';
import { run } from '../base/process.ts';
import { parseSubnet, type Subnet } from './addresses.ts';

const Routes = Type.Array(Type.Object({ dst: Type.String(), dev: Type.Optional(Type.String()) }));
const Links = Type.Array(Type.Object({ ifname: Type.String(), mtu: Type.Integer() }));

export async function routedSubnets(): Promise<Subnet[]> {
  const routes: unknown = JSON.parse((await run('ip', ['-json', '-4', 'route', 'show', 'table', 'all'])).stdout || '[]');
  if (!Value.Check(Routes, routes)) return [];
  return routes.flatMap((route) => {
    if (route.dst === 'default' || route.dst.startsWith('127.')) return [];
    const [address = '', prefix = '32'] = route.dst.split('/');
    return Number(prefix) >= 8 ? [parseHostOrSubnet(address, Number(prefix))] : [];
  });
}

function parseHostOrSubnet(address: string, prefix: number): Subnet {
  return parseSubnet(`${address}/${String(Math.min(prefix, 30))}`);
}

/** The MTU of the interface that leads outside, so that packets of containers need no fragments; 1500 without one. */
export async function outgoingMtu(): Promise<number> {
  const routes: unknown = JSON.parse((await run('ip', ['-json', '-4', 'route', 'show', 'default'])).stdout || '[]');
  const device = Value.Check(Routes, routes) ? routes[0]?.dev : undefined;
  if (device === undefined) return 1500;
  const links: unknown = JSON.parse((await run('ip', ['-json', 'link', 'show', 'dev', device])).stdout);
  return Value.Check(Links, links) ? (links[0]?.mtu ?? 1500) : 1500;
}

const SYSTEMD_RESOLVED = '/run/systemd/resolve/resolv.conf';

/**
 * The host's resolv.conf as a container can use it: name servers on the host's loopback are not reachable from inside, so where only
 * those are left, systemd-resolved's own upstream list is taken.
 */
export async function containerResolvConf(path = '/etc/resolv.conf', upstream: string = SYSTEMD_RESOLVED): Promise<string> {
  const text = withoutLoopback((await readFileIfThere(path)) ?? '');
  if (/^nameserver/m.test(text)) return text;
  return withoutLoopback((await readFile(upstream, 'utf8').catch(() => '')) || text);
}

export function withoutLoopback(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*nameserver\s+(127\.|::1(?:\s|$))/.test(line))
    .join('\n');
}
