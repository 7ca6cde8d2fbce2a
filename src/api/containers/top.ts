import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { first, Parameter } from '../query.ts';
import { ContainerParams } from './reference.ts';

export function routeTop(api: Api, { engine }: ApiContext): void {
  const schema = { params: ContainerParams, querystring: Type.Object({ ps_args: Parameter }) };
  api.get('/containers/:id/top', { schema }, async (request) => {
    const { titles, processes } = await engine.top(request.params.id, first(request.query.ps_args) ?? '');
    return { Processes: processes, Titles: titles };
  });
}
