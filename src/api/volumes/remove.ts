import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { flag, Parameter } from '../query.ts';

export function routeVolumeRemove(api: Api, { engine }: ApiContext): void {
  const schema = { params: Type.Object({ name: Type.String() }), querystring: Type.Object({ force: Parameter }) };
  api.delete('/volumes/:name', { schema }, async (request, reply) => {
    await engine.volumes.remove(request.params.name, { force: flag(request.query.force) });
    return reply.code(204).send();
  });
}
