/** The peer Docker: a dockerd that runs on this machine. */
import { AbodeError } from '../base/errors.ts';
import { DockerClient } from '../docker-client/client.ts';
import { preparePeer } from './peer-column.ts';
import type { PlannedColumn } from './planned-column.ts';

export function planDockerColumn(socket: string): PlannedColumn {
  return {
    name: 'docker',
    prepare: async (preparation) => {
      const client = new DockerClient(socket);
      await client.ping(preparation.signal).catch((cause: unknown) => {
        throw new AbodeError('unavailable', `no dockerd answers at ${socket}`, {
          cause,
          hint: 'start dockerd, or leave docker out of --with',
        });
      });
      return await preparePeer('docker', 'Docker', client, preparation);
    },
  };
}
