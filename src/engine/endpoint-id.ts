import { createHash } from 'node:crypto';

/** The id of a container's place on a network: the same for the same two for ever. */
export function endpointId(containerId: string, network: string): string {
  return createHash('sha256').update(`endpoint:${containerId}:${network}`).digest('hex');
}
