import Type from 'typebox';
import type { VolumeFilters } from '../../engine/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { type Filters, filterFlag, parseFilters } from '../filters.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { Parameter } from '../query.ts';
import { describeVolume } from './describe.ts';

export function routeVolumeList(api: Api, { engine }: ApiContext): void {
  api.get('/volumes', { schema: { querystring: Type.Object({ filters: Parameter }) } }, (request) => {
    const filters = parseFilters(request.query.filters, ['dangling', 'driver', 'label', 'name']);
    return { Volumes: engine.volumes.list(readFilters(filters)).map(describeVolume), Warnings: null };
  });
}

function readFilters(filters: Filters): VolumeFilters {
  return omitUndefined<VolumeFilters>({
    name: filters['name'],
    label: filters['label'],
    driver: filters['driver'],
    dangling: filters['dangling'] === undefined ? undefined : filterFlag(filters, 'dangling', false),
  });
}
