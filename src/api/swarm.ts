/** Docker's answers of an engine that is in no swarm. */
import { AbodeError } from '../base/errors.ts';
import type { Api } from './context.ts';

const MANAGER_ONLY = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs'];
const MESSAGE =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

export function refuseSwarm(api: Api): void {
  const refuse = (): never => {
    throw new AbodeError('unavailable', MESSAGE);
  };
  for (const resource of MANAGER_ONLY) {
    api.route({ method: ['GET', 'POST', 'DELETE'], url: `/${resource}`, handler: refuse });
    api.route({ method: ['GET', 'POST', 'DELETE'], url: `/${resource}/*`, handler: refuse });
  }
}
