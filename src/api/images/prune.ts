import Type from 'typebox';
import { AbodeError } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { filterFlag, parseFilters } from '../filters.ts';
import { Parameter } from '../query.ts';
import { totalSize } from './layer-sizes.ts';
import { announceImage } from './announce.ts';
import { findUser } from './in-use.ts';

type Deleted = { Untagged: string } | { Deleted: string };

export function routeImagePrune(api: Api, context: ApiContext): void {
  const { engine, images } = context;
  api.post('/images/prune', { schema: { querystring: Type.Object({ filters: Parameter }) } }, async (request) => {
    const { dangling: _, ...narrowing } = parseFilters(request.query.filters, ['dangling', 'label', 'until']);
    const danglingOnly = filterFlag(parseFilters(request.query.filters, ['dangling', 'label', 'until']), 'dangling', true);
    const inUse = findUser(engine);
    const deleted: Deleted[] = [];
    const before = totalSize(images.list({ all: true, filters: {} }));
    for (const image of images.list({ all: true, filters: narrowing })) {
      if ((danglingOnly && image.references.length > 0) || inUse(image.id) !== undefined) continue;
      const gone = await removeUnused(image.id, inUse);
      for (const entry of gone) if ('Deleted' in entry && entry.Deleted === image.id) announceImage(context, 'delete', image.id);
      deleted.push(...gone);
    }
    // What an image shares with one that stays is not given back.
    const reclaimed = Math.max(0, before - totalSize(images.list({ all: true, filters: {} })));
    engine.announce({ type: 'image', action: 'prune', id: '', attributes: { reclaimed: String(reclaimed) } });
    return { ImagesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimed };
  });

  /** Force takes several tags at once; what a container uses was left out before. */
  async function removeUnused(id: string, inUse: ReturnType<typeof findUser>): Promise<Deleted[]> {
    try {
      return await images.remove(id, { force: true, prune: true, inUse });
    } catch (error) {
      if (error instanceof AbodeError && (error.code === 'conflict' || error.code === 'not-found')) return [];
      throw error;
    }
  }
}
