import Type from 'typebox';
import type { ListFilter } from '../../engine/api.ts';
import type { ContainerRecord } from '../../engine/record.ts';
import type { Api, ApiContext } from '../context.ts';
import { parseFilters } from '../filters.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { flag, integer, Parameter } from '../query.ts';
import { describeSize, containerSummary } from './summary.ts';

const ACCEPTED = [
  'ancestor',
  'before',
  'expose',
  'exited',
  'health',
  'id',
  'isolation',
  'is-task',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

export function routeList(api: Api, context: ApiContext): void {
  const querystring = Type.Object({
    all: Parameter,
    limit: Parameter,
    size: Parameter,
    filters: Parameter,
  });
  api.get('/containers/json', { schema: { querystring } }, async (request) => {
    const asked = integer(request.query.limit) ?? 0;
    const limit = asked > 0 ? asked : undefined;
    const filters = parseFilters(request.query.filters, ACCEPTED);
    // The last few are asked for whether they run or not.
    const records = context.engine.list(
      omitUndefined<ListFilter>({
        all: flag(request.query.all) || limit !== undefined,
        limit,
        filters,
      }),
    );
    const summarise = containerSummary(context);
    const linkNames = namesByLinks(context.engine.list({ all: true, filters: {} }));
    const sizes = flag(request.query.size) ? await context.engine.sizes(records) : undefined;
    return records.map((record) => ({
      ...summarise(record, linkNames.get(record.id)),
      ...describeSize(sizes?.get(record.id)),
    }));
  });
}

/** A container is also called what those that link to it call it: `/parent/alias`. */
function namesByLinks(records: readonly ContainerRecord[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const { name, links = [] } of records)
    for (const { container, alias } of links) names.set(container, [...(names.get(container) ?? []), `/${name}/${alias}`]);
  return names;
}
