/**
 * Published ports as nftables has them: two maps of the bridge's table, from a port of the host to a container's. What the kernel
 * translates never passes through a process. Left to the port keeper (docs/decisions/0022): IPv6, since the containers have none, the
 * loopback, and what comes from the bridge itself.
 */
import { isIPv4 } from 'node:net';
import type { Publication } from './published-port.ts';

interface Element {
  readonly map: 'published' | 'published_here';
  readonly key: string;
  readonly target: string;
}

/** The maps and chains of published ports within the bridge's table. */
export function translationChains(bridge: string, publications: readonly Publication[]): string {
  const elements = publications.flatMap(elementsOf);
  return `
  map published {
    type inet_proto . inet_service : ipv4_addr . inet_service
    ${initial(elements, 'published')}
  }
  map published_here {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
    ${initial(elements, 'published_here')}
  }
  chain translate {
    dnat ip to ip daddr . meta l4proto . th dport map @published_here
    dnat ip to meta l4proto . th dport map @published
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname != "${bridge}" fib daddr type local jump translate
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ip daddr != 127.0.0.0/8 fib daddr type local jump translate
  }
`;
}

function elementsOf({ address, ports }: Publication): Element[] {
  return ports
    .filter(({ hostAddress }) => isIPv4(hostAddress) && !hostAddress.startsWith('127.'))
    .map(({ protocol, containerPort, hostAddress, hostPort }) => {
      const key = `${protocol} . ${String(hostPort)}`;
      const target = `${address} . ${String(containerPort)}`;
      return hostAddress === '0.0.0.0'
        ? { map: 'published', key, target }
        : { map: 'published_here', key: `${hostAddress} . ${key}`, target };
    });
}

function initial(elements: readonly Element[], map: Element['map']): string {
  const own = elements.filter((element) => element.map === map);
  return own.length === 0 ? '' : `elements = { ${own.map(({ key, target }) => `${key} : ${target}`).join(', ')} }`;
}
