import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from '../containers/reference.ts';
import { Parameter } from '../query.ts';
import { terminalSize } from '../terminal-size.ts';

export function routeExecResize(api: Api, { engine }: ApiContext): void {
  const schema = {
    params: ContainerParams,
    querystring: Type.Object({ h: Parameter, w: Parameter }),
  };
  api.post('/exec/:id/resize', { schema }, async (request, reply) => {
    const { rows, columns } = terminalSize(request.query);
    await engine.resizeExec(request.params.id, rows, columns);
    return reply.code(200).send();
  });
}
