import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from './reference.ts';

export function routeChanges(api: Api, { engine }: ApiContext): void {
  api.get('/containers/:id/changes', { schema: { params: ContainerParams } }, async (request, reply) => {
    const changes = await engine.changes(request.params.id);
    // None is null to Docker.
    return reply.send(changes.length === 0 ? JSON.stringify(null) : changes.map(({ kind, path }) => ({ Path: path, Kind: kind })));
  });
}
