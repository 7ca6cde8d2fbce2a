import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { all, Parameter } from '../query.ts';
import { announceImage } from './announce.ts';
import { ImageParams } from './reference.ts';

export function routeSave(api: Api, context: ApiContext): void {
  const { images } = context;
  api.get('/images/get', { schema: { querystring: Type.Object({ names: Parameter, platform: Parameter }) } }, async (request, reply) => {
    const names = all(request.query.names)
      .flatMap((value) => value.split(','))
      .filter((name) => name !== '');
    if (names.length === 0) throw invalid('names must be given: which images to save');
    return reply.type('application/x-tar').send(await save(names));
  });
  api.get('/images/:name/get', { schema: { params: ImageParams } }, async (request, reply) =>
    reply.type('application/x-tar').send(await save([request.params.name])),
  );

  async function save(names: readonly string[]): ReturnType<typeof images.save> {
    const archive = await images.save(names);
    for (const id of new Set(names.flatMap((name) => images.find(name)?.id ?? []))) announceImage(context, 'save', id);
    return archive;
  }
}
