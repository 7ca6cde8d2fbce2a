/** Another engine's column, by its socket. */
import type { DockerClient } from '../docker-client/client.ts';
import type { Ulimit } from '../engine/record.ts';
import { readPeerMemory } from './host-memory.ts';
import type { Column } from './column.ts';
import type { Preparation } from './planned-column.ts';
import { transferImage } from './transfer-image.ts';

export async function preparePeer(
  name: string,
  product: string,
  client: DockerClient,
  preparation: Preparation,
  ulimits: readonly Ulimit[] = [],
): Promise<Column> {
  const { signal, runs } = preparation;
  const { version } = await client.version(signal);
  const image = await transferImage(client, preparation);
  return {
    name,
    engine: `${product} ${version}`,
    client,
    image,
    ulimits,
    runs,
    readMemory: async (id, within) => {
      const reading = await readPeerMemory(await client.processId(id, within));
      return {
        sample: reading.sample,
        absences: { template: 'not used', pool: 'not used', ...reading.absences },
      };
    },
    readImageSize: async (within) => (await client.image(image, within)).size,
  };
}
