import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from './reference.ts';

export function routeExport(api: Api, { engine }: ApiContext): void {
  api.get('/containers/:id/export', { schema: { params: ContainerParams } }, async (request, reply) =>
    reply.type('application/octet-stream').send(await engine.exportFiles(request.params.id)),
  );
}
