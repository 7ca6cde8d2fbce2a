import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { flag, Parameter } from '../query.ts';
import { notAvailable } from '../unsupported.ts';
import { ContainerParams } from './reference.ts';

export function routeRemove(api: Api, { engine }: ApiContext): void {
  const schema = {
    params: ContainerParams,
    querystring: Type.Object({ force: Parameter, v: Parameter, link: Parameter }),
  };
  api.delete('/containers/:id', { schema }, async (request, reply) => {
    if (flag(request.query.link)) throw notAvailable('removing a link');
    await engine.remove(request.params.id, { force: flag(request.query.force) });
    return reply.code(204).send();
  });
}
