import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { first, Parameter } from '../query.ts';
import { ContainerParams } from './reference.ts';

export function routeKill(api: Api, { engine }: ApiContext): void {
  const schema = { params: ContainerParams, querystring: Type.Object({ signal: Parameter }) };
  api.post('/containers/:id/kill', { schema }, async (request, reply) => {
    await engine.kill(request.params.id, first(request.query.signal) ?? 'SIGKILL');
    return reply.code(204).send();
  });
}
