import type { Api } from '../context.ts';

export function routePing(api: Api): void {
  api.route({
    method: ['GET', 'HEAD'],
    url: '/_ping',
    handler: (request, reply) => {
      reply.headers({
        // 1: the client's own builder is not ours to offer.
        'Builder-Version': '1',
        'Cache-Control': 'no-cache, no-store, must-revalidate',
        Pragma: 'no-cache',
        Swarm: 'inactive',
        'Content-Type': 'text/plain; charset=utf-8',
      });
      return reply.send(request.method === 'HEAD' ? '' : 'OK');
    },
  });
}
