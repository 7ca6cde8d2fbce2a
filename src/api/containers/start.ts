import { invalid } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from './reference.ts';

export function routeStart(api: Api, { engine }: ApiContext): void {
  api.post('/containers/:id/start', { schema: { params: ContainerParams } }, async (request, reply) => {
    // Some clients send an empty object, which is not meant as a configuration.
    if (request.body instanceof Object && Object.keys(request.body).length > 0) {
      throw invalid('starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24');
    }
    await engine.start(request.params.id);
    return reply.code(204).send();
  });
}
