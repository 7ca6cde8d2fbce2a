import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { flag, Parameter } from '../query.ts';
import { findUser } from './in-use.ts';
import { ImageParams } from './reference.ts';

export function routeImageRemove(api: Api, { engine, images }: ApiContext): void {
  const schema = {
    params: ImageParams,
    querystring: Type.Object({ force: Parameter, noprune: Parameter }),
  };
  api.delete('/images/:name', { schema }, (request) =>
    images.remove(request.params.name, {
      force: flag(request.query.force),
      prune: !flag(request.query.noprune),
      inUse: findUser(engine),
    }),
  );
}
