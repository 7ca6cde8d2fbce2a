/** `--metrics-addr`: where metrics are served by TCP. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';

export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, `[V6]:PORT`; without a host the loopback, since figures tell who runs what. An empty text: nowhere. */
export function parseMetricsAddress(text: string): MetricsAddress | undefined {
  if (text === '') return undefined;
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  const named = host === '' || host === 'localhost' || isIP(host) !== 0;
  if (digits === '' || port < 1 || port > 65_535 || !named)
    throw invalid(`invalid --metrics-addr "${text}": give ADDRESS:PORT, [IPV6-ADDRESS]:PORT or PORT, which is 127.0.0.1:PORT`);
  return { host: host === '' || host === 'localhost' ? '127.0.0.1' : host, port };
}

/** As the flag has it. */
export function metricsText({ host, port }: MetricsAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}
