import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from './reference.ts';

export function routeUnpause(api: Api, { engine }: ApiContext): void {
  api.post('/containers/:id/unpause', { schema: { params: ContainerParams } }, async (request, reply) => {
    await engine.unpause(request.params.id);
    return reply.code(204).send();
  });
}
