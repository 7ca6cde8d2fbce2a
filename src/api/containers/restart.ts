import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { first, integer, Parameter } from '../query.ts';
import { ContainerParams } from './reference.ts';

interface StopOptions {
  readonly signal?: string;
  readonly timeout?: number;
}

export function routeRestart(api: Api, { engine }: ApiContext): void {
  const schema = {
    params: ContainerParams,
    querystring: Type.Object({ t: Parameter, signal: Parameter }),
  };
  api.post('/containers/:id/restart', { schema }, async (request, reply) => {
    const { t, signal } = request.query;
    await engine.restart(request.params.id, omitUndefined<StopOptions>({ signal: first(signal), timeout: integer(t) }));
    return reply.code(204).send();
  });
}
