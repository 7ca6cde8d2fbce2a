/** `docker import`, and `docker pull`, which goes the same way in Docker's API. */
import Type from 'typebox';
import { AbodeError, invalid } from '../../base/errors.ts';
import { discardBody } from '../body.ts';
import type { Api, ApiContext } from '../context.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { all, first, Parameter } from '../query.ts';
import { announceImage } from './announce.ts';
import { pullImage } from './pull.ts';
import { joinTag } from './reference.ts';

export function routeImageCreate(api: Api, context: ApiContext): void {
  const { images } = context;
  const querystring = Type.Object({
    fromSrc: Parameter,
    fromImage: Parameter,
    repo: Parameter,
    tag: Parameter,
    message: Parameter,
    changes: Parameter,
    platform: Parameter,
  });
  api.post('/images/create', { schema: { querystring } }, async (request, reply) => {
    const { query } = request;
    try {
      const source = first(query.fromSrc);
      const name = first(query.fromImage);
      if (name !== undefined) {
        await pullImage(request, reply, context, { name, tag: first(query.tag), platform: first(query.platform) });
        return reply;
      }
      if (source === undefined) throw invalid('either fromImage or fromSrc must be given');
      if (source !== '-')
        throw new AbodeError('not-implemented', 'importing from a URL is not available in this version: pipe the archive in');
      const repository = first(query.repo);
      const reference = repository === undefined ? undefined : joinTag(repository, first(query.tag));
      const image = await images.import(
        request.raw,
        omitUndefined<Parameters<typeof images.import>[1]>({
          reference,
          message: first(query.message),
          changes: all(query.changes),
        }),
      );
      announceImage(context, 'import', image.id);
      return await reply.type('application/json').send(`${JSON.stringify({ status: image.id })}\r\n`);
    } finally {
      discardBody(request.raw);
    }
  });
}
