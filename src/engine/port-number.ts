/** Ports and ranges of ports as Docker writes them: `80`, `80/udp`, `8000-8010/tcp`. */
import { invalid } from '../base/errors.ts';
import type { PortProtocol } from '../network/ports/published-port.ts';

const MAX_PORT = 65_535;

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** An empty text is no port at all, as in Docker. */
export function parseRange(text: string): PortRange | undefined {
  if (text === '') return undefined;
  const [, from = '', to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === '' || first > MAX_PORT || last > MAX_PORT || last < first) throw invalid(`invalid port specification: "${text}"`);
  return { first, last };
}

/** A container's port: one number and its protocol. */
export function parsePortKey(key: string): { port: number; protocol: PortProtocol } {
  const [number = '', name = 'tcp', ...more] = key.split('/');
  const range = parseRange(number);
  const protocol = name.toLowerCase();
  if (range === undefined || range.first !== range.last || range.first === 0) throw invalid(`invalid port specification: "${number}"`);
  if (more.length > 0 || !isProtocol(protocol)) throw invalid(`invalid port specification: "${key}": invalid protocol`);
  return { port: range.first, protocol };
}

export function portKey(port: number, protocol: string): string {
  return `${String(port)}/${protocol}`;
}

function isProtocol(name: string): name is PortProtocol {
  return name === 'tcp' || name === 'udp' || name === 'sctp';
}
