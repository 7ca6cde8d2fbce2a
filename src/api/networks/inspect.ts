import { AbodeError, notFound } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from '../containers/reference.ts';
import { type BuiltinNetwork, listNetworks } from './builtin.ts';

export function routeNetworkInspect(api: Api, { engine, config }: ApiContext): void {
  const find = (reference: string): BuiltinNetwork => {
    const networks = listNetworks(config, engine, true);
    const found = networks.find(({ Name, Id }) => Name === reference || Id === reference);
    const beginning = networks.filter(({ Id }) => reference !== '' && Id.startsWith(reference));
    const network = found ?? (beginning.length === 1 ? beginning[0] : undefined);
    if (network === undefined) throw notFound(`network ${reference} not found`);
    return network;
  };
  api.get('/networks/:id', { schema: { params: ContainerParams } }, (request) => find(request.params.id));
  api.delete('/networks/:id', { schema: { params: ContainerParams } }, (request) => {
    throw new AbodeError('forbidden', `${find(request.params.id).Name} is a pre-defined network and cannot be removed`);
  });
  api.post('/networks/prune', () => ({ NetworksDeleted: null }));
}
