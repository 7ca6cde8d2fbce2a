import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { parseFilters } from '../filters.ts';
import { flag, Parameter } from '../query.ts';
import { apiMinor } from '../version.ts';
import { summariseImage } from './summary.ts';

const ACCEPTED = ['before', 'dangling', 'label', 'reference', 'since', 'until'];

export function routeImageList(api: Api, { images }: ApiContext): void {
  const querystring = Type.Object({ all: Parameter, filters: Parameter, digests: Parameter });
  api.get('/images/json', { schema: { querystring } }, (request) => {
    const filters = parseFilters(request.query.filters, ACCEPTED);
    return images.list({ all: flag(request.query.all), filters }).map((image) => summariseImage(image, apiMinor(request.raw)));
  });
}
