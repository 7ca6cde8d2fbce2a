import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { first, Parameter } from '../query.ts';
import { isName } from './create-checks.ts';
import { ContainerParams } from './reference.ts';

export function routeRename(api: Api, { engine }: ApiContext): void {
  const schema = { params: ContainerParams, querystring: Type.Object({ name: Parameter }) };
  api.post('/containers/:id/rename', { schema }, async (request, reply) => {
    const name = first(request.query.name);
    if (name === undefined) throw invalid('Neither old nor new names may be empty');
    engine.get(request.params.id);
    const plain = name.replace(/^\//, '');
    if (!isName(plain))
      throw invalid(`Error when allocating new name: Invalid container name (/${plain}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
    await engine.rename(request.params.id, plain);
    return reply.code(204).send();
  });
}
