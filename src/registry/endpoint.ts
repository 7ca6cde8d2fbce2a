/** Where a registry's name leads. */
import { isIPv4 } from 'node:net';

export interface Endpoint {
  readonly host: string; // with its port
  /** A certificate that nobody vouches for, and plain HTTP where there is no TLS, are accepted: on the machine itself, as Docker does. */
  readonly insecure: boolean;
}

export function endpointOf(domain: string): Endpoint {
  if (domain === 'docker.io') return { host: 'registry-1.docker.io', insecure: false };
  const name = domain.replace(/:\d+$/, '');
  return { host: domain, insecure: name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.')) };
}
