/** Gives a peer the same image, by save and load, under a name that touches none of the peer's own. */
import type { DockerClient } from '../docker-client/client.ts';
import type { Preparation } from './planned-column.ts';

const REPOSITORY = 'abode-compare';

/** The name of the image in the peer. */
export async function transferImage(peer: DockerClient, { abode, reference, image, runId, signal, cleanUp }: Preparation): Promise<string> {
  if ((await peer.findImage(image.id, signal)) !== undefined) return image.id;
  const name = `${REPOSITORY}:${runId}`;
  await abode.tagImage(reference, REPOSITORY, runId, signal);
  try {
    const loaded = await peer.loadImage(await abode.saveImage(name, signal), signal);
    cleanUp.defer(() => peer.removeImage(loaded, AbortSignal.timeout(60_000)));
    return loaded;
  } finally {
    await abode.removeImage(name, AbortSignal.timeout(60_000));
  }
}
