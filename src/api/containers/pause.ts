import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from './reference.ts';

export function routePause(api: Api, { engine }: ApiContext): void {
  api.post('/containers/:id/pause', { schema: { params: ContainerParams } }, async (request, reply) => {
    await engine.pause(request.params.id);
    return reply.code(204).send();
  });
}
