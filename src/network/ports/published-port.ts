/** What a container's port is on the host. */

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** Asked for: the first free port of a range on all of these addresses; without a range any port that the host gives out. */
export interface PortRequest {
  readonly protocol: PortProtocol;
  readonly containerPort: number;
  readonly hostAddresses: readonly string[];
  readonly range?: { readonly first: number; readonly last: number };
}

/** Held on one address of the host. */
export interface PublishedPort {
  readonly protocol: PortProtocol;
  readonly containerPort: number;
  readonly hostAddress: string;
  readonly hostPort: number;
}

/** Where a container's published ports lead. */
export interface Publication {
  readonly owner: string;
  readonly address: string;
  readonly ports: readonly PublishedPort[];
}

/** As Docker's messages have it: an IPv6 address in brackets. */
export function hostText(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${String(port)}`;
}
