/** There are no volumes yet, which is an answer: clients ask before they decide. */
import Type from 'typebox';
import { notFound } from '../../base/errors.ts';
import type { Api } from '../context.ts';
import { parseFilters } from '../filters.ts';
import { Parameter } from '../query.ts';

const ACCEPTED = ['dangling', 'driver', 'label', 'name'];

export function routeVolumes(api: Api): void {
  api.get('/volumes', { schema: { querystring: Type.Object({ filters: Parameter }) } }, (request) => {
    parseFilters(request.query.filters, ACCEPTED);
    return { Volumes: [], Warnings: null };
  });
  api.route({
    method: ['GET', 'DELETE'],
    url: '/volumes/:name',
    schema: { params: Type.Object({ name: Type.String() }) },
    handler: (request) => {
      throw notFound(`get ${request.params.name}: no such volume`);
    },
  });
  api.post('/volumes/prune', () => ({ VolumesDeleted: [], SpaceReclaimed: 0 }));
}
