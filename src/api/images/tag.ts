import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { first, Parameter } from '../query.ts';
import { announceImage } from './announce.ts';
import { ImageParams, splitTag } from './reference.ts';

export function routeTag(api: Api, context: ApiContext): void {
  const { images } = context;
  const schema = {
    params: ImageParams,
    querystring: Type.Object({ repo: Parameter, tag: Parameter }),
  };
  api.post('/images/:name/tag', { schema }, (request, reply) => {
    const { repository, tag } = splitTag(first(request.query.repo) ?? '');
    if (repository === '') throw invalid('repository name must have at least one component');
    const chosen = first(request.query.tag) ?? tag ?? 'latest';
    const { id } = images.tag(request.params.name, repository, chosen);
    // As people call it.
    announceImage(context, 'tag', id, `${repository}:${chosen}`.replace(/^docker\.io\/(library\/)?/, ''));
    return reply.code(201).send();
  });
}
