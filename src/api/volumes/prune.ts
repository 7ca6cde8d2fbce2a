import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { filterFlag, parseFilters } from '../filters.ts';
import { Parameter } from '../query.ts';
import { apiMinor } from '../version.ts';

/** Since this version only volumes that nobody named are pruned, unless all are asked for. */
const ANONYMOUS_ONLY = 42;

export function routeVolumePrune(api: Api, { engine }: ApiContext): void {
  api.post('/volumes/prune', { schema: { querystring: Type.Object({ filters: Parameter }) } }, async (request) => {
    const older = apiMinor(request.raw) < ANONYMOUS_ONLY;
    const filters = parseFilters(request.query.filters, older ? ['label', 'label!'] : ['all', 'label', 'label!']);
    const { deleted, reclaimed } = await engine.volumes.prune({
      all: filterFlag(filters, 'all', older),
      label: filters['label'] ?? [],
      notLabel: filters['label!'] ?? [],
    });
    return { VolumesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: reclaimed };
  });
}
