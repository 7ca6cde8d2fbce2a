import { notAvailable } from '../unsupported.ts';
import type { Api } from '../context.ts';

export function routeAuth(api: Api): void {
  api.post('/auth', () => {
    throw notAvailable('logging in to a registry');
  });
}
