/** The peer Podman. */
import { DockerClient } from '../docker-client/client.ts';
import { preparePeer } from './peer-column.ts';
import type { PlannedColumn } from './planned-column.ts';
import { startPodman } from './podman-service.ts';

export const podmanColumn: PlannedColumn = {
  name: 'podman',
  prepare: async (preparation) => {
    const { socket, ulimits } = await startPodman(preparation.cleanUp, preparation.signal);
    return await preparePeer('podman', 'Podman', new DockerClient(socket), preparation, ulimits);
  },
};
