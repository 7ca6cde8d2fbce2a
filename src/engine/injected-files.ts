/** /etc/hosts, /etc/hostname and /etc/resolv.conf of a container, written before each start. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfThere } from '../base/files.ts';
import { containerResolvConf } from '../network/host-network.ts';
import { parseNetworkMode } from './create/modes.ts';
import { linkHosts, type LinkedContainer } from './links.ts';
import type { ContainerRecord } from './record.ts';

const LOCAL_HOSTS = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** `gateway` is the bridge's address, which is the host's, whatever network the container has. */
export async function writeInjectedFiles(
  record: ContainerRecord,
  rootDir: string,
  links: readonly LinkedContainer[] = [],
  gateway?: string,
): Promise<void> {
  await mkdir(rootDir, { recursive: true, mode: 0o710 });
  const onHost = parseNetworkMode(record.host.NetworkMode).kind === 'host';
  // Not synced: they are made anew before each start.
  await Promise.all([
    writeFile(
      join(rootDir, 'hosts'),
      onHost ? `${await ownFile('/etc/hosts')}${extraHosts(record, gateway).join('')}` : hosts(record, links, gateway),
    ),
    writeFile(join(rootDir, 'hostname'), `${record.config.Hostname ?? ''}\n`),
    writeFile(join(rootDir, 'resolv.conf'), resolvConf(record, await (onHost ? ownFile('/etc/resolv.conf') : containerResolvConf()))),
  ]);
}

/** What the host has, as it is: on its network everything in it is reachable. */
async function ownFile(path: string): Promise<string> {
  const text = (await readFileIfThere(path)) ?? '';
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

export function hosts(record: ContainerRecord, links: readonly LinkedContainer[] = [], gateway?: string): string {
  const { Hostname: hostname = '', Domainname: domain = '' } = record.config;
  const names = domain === '' ? hostname : `${hostname}.${domain} ${hostname}`;
  const own = record.network === undefined ? '' : `${record.network.address}\t${names}\n`;
  return `${LOCAL_HOSTS}${extraHosts(record, gateway).join('')}${linkHosts(links)}${own}`;
}

function extraHosts(record: ContainerRecord, gateway: string | undefined): string[] {
  return (record.host.ExtraHosts ?? []).map((entry) => {
    const at = entry.indexOf(':');
    const address = entry.slice(at + 1);
    return `${address === 'host-gateway' ? (record.network?.gateway ?? gateway ?? '127.0.0.1') : address}\t${entry.slice(0, at)}\n`;
  });
}

/** `--dns` and its neighbours replace the host's lines of their kind. */
export function resolvConf(record: ContainerRecord, host: string): string {
  const { Dns: dns, DnsSearch: search, DnsOptions: options } = record.host;
  const replaced: Array<[keyword: string, own: string | undefined]> = [
    ['nameserver', lines('nameserver', dns)],
    // A lone dot asks for no search domain at all.
    ['search', search?.length === 1 && search[0] === '.' ? '' : line('search', search)],
    ['options', line('options', options)],
  ];
  return replaced.reduce((text, [keyword, own]) => (own === undefined ? text : withoutKeyword(text, keyword) + own), host);
}

function lines(keyword: string, values: readonly string[] | null | undefined): string | undefined {
  if (values === undefined || values === null || values.length === 0) return undefined;
  return values.map((value) => `${keyword} ${value}\n`).join('');
}

function line(keyword: string, values: readonly string[] | null | undefined): string | undefined {
  return values === undefined || values === null || values.length === 0 ? undefined : `${keyword} ${values.join(' ')}\n`;
}

function withoutKeyword(text: string, keyword: string): string {
  const kept = text.split('\n').filter((row) => !row.trim().startsWith(keyword) && row !== '');
  return kept.length === 0 ? '' : `${kept.join('\n')}\n`;
}
