import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { filterFlag, type Filters, parseFilters } from '../filters.ts';
import { Parameter } from '../query.ts';
import { type BuiltinNetwork, listNetworks } from './builtin.ts';

const ACCEPTED = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];

export function routeNetworkList(api: Api, { engine, config }: ApiContext): void {
  api.get('/networks', { schema: { querystring: Type.Object({ filters: Parameter }) } }, (request) => {
    const filters = parseFilters(request.query.filters, ACCEPTED);
    return listNetworks(config, engine, false).filter((network) => matches(network, filters));
  });
}

function matches(network: BuiltinNetwork, filters: Filters): boolean {
  const some = (key: string, test: (value: string) => boolean): boolean => filters[key]?.some(test) ?? true;
  return (
    some('name', (value) => network.Name.includes(value)) &&
    some('id', (value) => network.Id.startsWith(value)) &&
    some('driver', (value) => network.Driver === value) &&
    some('scope', (value) => network.Scope === value) &&
    some('type', (value) => value === 'builtin') &&
    // None of them has labels, and none dangles: they are always in use.
    filters['label'] === undefined &&
    !filterFlag(filters, 'dangling', false)
  );
}
