import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from '../containers/reference.ts';

export function routeMemory(api: Api, { engine }: ApiContext): void {
  api.get('/abode/containers/:id/memory', { schema: { params: ContainerParams } }, (request) => engine.memory(request.params.id));
}
