import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { Parameter } from '../query.ts';
import { terminalSize } from '../terminal-size.ts';
import { ContainerParams } from './reference.ts';

export function routeResize(api: Api, { engine }: ApiContext): void {
  const schema = {
    params: ContainerParams,
    querystring: Type.Object({ h: Parameter, w: Parameter }),
  };
  api.post('/containers/:id/resize', { schema }, async (request, reply) => {
    const { rows, columns } = terminalSize(request.query);
    await engine.resize(request.params.id, rows, columns);
    return reply.code(200).send();
  });
}
