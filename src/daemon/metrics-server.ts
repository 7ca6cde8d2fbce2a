/** `GET /metrics` on a TCP address, and nothing else: whoever reaches it may read figures, and do nothing. */
import { createServer, type Server } from 'node:http';
import type { Api } from '../api/context.ts';
import { AbodeError } from '../base/errors.ts';
import { type MetricsAddress, metricsText } from '../config/metrics-address.ts';

const REQUEST_MS = 30_000;

export async function serveMetrics(api: Api, address: MetricsAddress): Promise<Server> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?', 1)[0];
    if (path !== '/metrics' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response
        .writeHead(path === '/metrics' ? 405 : 404, { 'content-type': 'text/plain; charset=utf-8' })
        .end('only GET /metrics is here\n');
      return;
    }
    api.inject({ method: 'GET', url: '/metrics' }).then(
      (answer) => {
        response.writeHead(answer.statusCode, { 'content-type': String(answer.headers['content-type']) });
        response.end(request.method === 'HEAD' ? '' : answer.payload);
      },
      () => response.writeHead(500).end(),
    );
  });
  server.requestTimeout = REQUEST_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new AbodeError('unavailable', `metrics cannot be served at ${metricsText(address)}: ${cause.message}`, { cause }));
    });
    server.listen(address, resolve);
  });
  return server;
}

export function closeMetrics(server: Server): void {
  server.close();
  server.closeAllConnections();
}
