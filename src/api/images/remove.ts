import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { flag, Parameter } from '../query.ts';
import { announceImage } from './announce.ts';
import { findUser } from './in-use.ts';
import { ImageParams } from './reference.ts';

export function routeImageRemove(api: Api, context: ApiContext): void {
  const { engine, images } = context;
  const schema = {
    params: ImageParams,
    querystring: Type.Object({ force: Parameter, noprune: Parameter }),
  };
  api.delete('/images/:name', { schema }, async (request) => {
    const { id } = images.get(request.params.name);
    const gone = await images.remove(request.params.name, {
      force: flag(request.query.force),
      prune: !flag(request.query.noprune),
      inUse: findUser(engine),
    });
    for (const entry of gone) {
      if ('Untagged' in entry) announceImage(context, 'untag', id);
      // Its layers are told in the answer too, but are no images.
      else if (entry.Deleted === id) announceImage(context, 'delete', id);
    }
    return gone;
  });
}
