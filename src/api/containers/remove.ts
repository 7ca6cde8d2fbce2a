import Type from 'typebox';
import { conflict, notFound } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { flag, Parameter } from '../query.ts';
import { ContainerParams } from './reference.ts';

export function routeRemove(api: Api, { engine }: ApiContext): void {
  const schema = {
    params: ContainerParams,
    querystring: Type.Object({ force: Parameter, v: Parameter, link: Parameter }),
  };
  api.delete('/containers/:id', { schema }, async (request, reply) => {
    if (flag(request.query.link)) throw conflict('Conflict, cannot remove the default link name of the container');
    await engine.remove(request.params.id, { force: flag(request.query.force), volumes: flag(request.query.v) });
    return reply.code(204).send();
  });
  // `docker rm --link parent/alias`
  const link = { params: Type.Object({ id: Type.String(), alias: Type.String() }), querystring: schema.querystring };
  api.delete('/containers/:id/:alias', { schema: link }, async (request, reply) => {
    const { id, alias } = request.params;
    if (!flag(request.query.link)) throw notFound(`No such container: ${id}/${alias}`);
    await engine.removeLink(id, alias);
    return reply.code(204).send();
  });
}
