import { invalid } from '../base/errors.ts';

const MAX_PORT = 65_535;

/** `80`, `80/udp`, `8000-8010/tcp`, `HOST:80`: what a host publishes is not an image's business and is dropped. */
export function parseExposed(text: string): string[] {
  if (text === '') return [];
  const [ports = '', protocol = 'tcp', ...more] = text.split('/');
  const container = ports.slice(ports.lastIndexOf(':') + 1);
  const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(container) ?? [];
  const first = Number(from);
  const last = Number(to);
  if (from === undefined || first > MAX_PORT || last > MAX_PORT || last < first) throw invalid(`Invalid containerPort: ${container}`);
  if (more.length > 0 || !['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) throw invalid(`Invalid proto: ${protocol}`);
  return Array.from({ length: last - first + 1 }, (_, index) => `${String(first + index)}/${protocol.toLowerCase()}`);
}
