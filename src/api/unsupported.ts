/** What Docker has and this version has not: said plainly, instead of "page not found". */
import { AbodeError } from '../base/errors.ts';
import type { Api } from './context.ts';

const MISSING: ReadonlyArray<readonly ['GET' | 'PUT' | 'POST' | 'HEAD', string, string]> = [
  ['GET', '/containers/:id/checkpoints', 'docker checkpoint'],
  ['POST', '/containers/:id/checkpoints', 'docker checkpoint'],
  ['POST', '/commit', 'docker commit'],
  ['POST', '/build', 'docker build'],
  ['POST', '/session', 'docker build'],
  ['POST', '/images/:name/push', 'docker push'],
  ['GET', '/images/search', 'docker search'],
  ['GET', '/distribution/:name/json', 'docker manifest'],
  ['POST', '/networks/create', 'docker network create'],
  ['POST', '/networks/:id/connect', 'docker network connect'],
  ['POST', '/networks/:id/disconnect', 'docker network disconnect'],
];

export function notAvailable(what: string): AbodeError {
  return new AbodeError('not-implemented', `${what} is not available in this version`);
}

/** Registered in a scope that leaves bodies alone: a build context is not read just to be refused. */
export function refuseUnsupported(api: Api): void {
  for (const [method, url, what] of MISSING) {
    api.route({
      method,
      url,
      handler: () => {
        throw notAvailable(what);
      },
    });
  }
}
