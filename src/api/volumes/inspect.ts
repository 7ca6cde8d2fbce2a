import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { describeVolume } from './describe.ts';

export function routeVolumeInspect(api: Api, { engine }: ApiContext): void {
  const schema = { params: Type.Object({ name: Type.String() }) };
  api.get('/volumes/:name', { schema }, (request) => describeVolume(engine.volumes.get(request.params.name)));
}
