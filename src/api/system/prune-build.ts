import type { Api } from '../context.ts';

/** A part of `docker system prune`: a builder's cache, of which there is none. */
export function routeBuildPrune(api: Api): void {
  api.post('/build/prune', () => ({ CachesDeleted: null, SpaceReclaimed: 0 }));
}
