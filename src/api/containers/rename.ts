import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { first, Parameter } from '../query.ts';
import { checkName } from './create-checks.ts';
import { ContainerParams } from './reference.ts';

export function routeRename(api: Api, { engine }: ApiContext): void {
  const schema = { params: ContainerParams, querystring: Type.Object({ name: Parameter }) };
  api.post('/containers/:id/rename', { schema }, async (request, reply) => {
    const name = first(request.query.name);
    if (name === undefined) throw invalid('Neither old nor new names may be empty');
    checkName(name);
    await engine.rename(request.params.id, name.replace(/^\//, ''));
    return reply.code(204).send();
  });
}
