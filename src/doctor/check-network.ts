import { readFileIfThere } from '../base/files.ts';
import { type Finding, ok, warn } from './finding.ts';

const WELL_KNOWN = 1024;
const LISTEN = '0A'; // net/tcp_states.h

export async function checkNetwork(): Promise<readonly Finding[]> {
  const [forward, tcp, tcp6] = await Promise.all(['/proc/sys/net/ipv4/ip_forward', '/proc/net/tcp', '/proc/net/tcp6'].map(readFileIfThere));
  const ports = listeningPorts(`${tcp ?? ''}\n${tcp6 ?? ''}`).filter((port) => port < WELL_KNOWN);
  return [
    forward?.trim() === '1'
      ? ok('forwarding', 'net.ipv4.ip_forward is 1')
      : warn(
          'forwarding',
          'net.ipv4.ip_forward is 0; the daemon sets it when it starts',
          'the way outside for workloads, where /proc/sys is read-only',
          'sysctl -w net.ipv4.ip_forward=1',
        ),
    ok('ports', ports.length === 0 ? 'none below 1024 is taken' : `taken on this host, below 1024: ${ports.join(', ')}`),
  ];
}

/** `table` is the text of /proc/net/tcp and tcp6. */
export function listeningPorts(table: string): number[] {
  const ports = [...table.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /gm)]
    .filter(([, , state]) => state === LISTEN)
    .map(([, port = '']) => Number.parseInt(port, 16));
  return [...new Set(ports)].sort((a, b) => a - b);
}
