/** Gives a peer the same image, by save and load, under a name that touches none of the peer's own. */
import type { DockerClient, ImageFacts } from '../docker-client/client.ts';
import { EngineError } from '../docker-client/errors.ts';

const REPOSITORY = 'abode-compare';

export interface Transfer {
  readonly abode: DockerClient;
  readonly reference: string;
  readonly image: ImageFacts;
  /** Unlikely to clash: the image's tag on the way. */
  readonly runId: string;
  readonly signal: AbortSignal;
  readonly cleanUp: AsyncDisposableStack;
}

/** The name of the image in the peer. */
export async function transferImage(peer: DockerClient, { abode, reference, image, runId, signal, cleanUp }: Transfer): Promise<string> {
  if ((await peer.findImage(image.id, signal)) !== undefined) return image.id;
  const name = `${REPOSITORY}:${runId}`;
  await abode.tagImage(reference, REPOSITORY, runId, signal);
  try {
    let loaded = name;
    // Before the load, which an interruption may cut off after the image is there.
    cleanUp.defer(() => removeIfThere(peer, loaded));
    loaded = await peer.loadImage(await abode.saveImage(name, signal), signal);
    return loaded;
  } finally {
    await abode.removeImage(name, AbortSignal.timeout(60_000));
  }
}

async function removeIfThere(client: DockerClient, name: string): Promise<void> {
  await client.removeImage(name, AbortSignal.timeout(60_000)).catch((error: unknown) => {
    if (!(error instanceof EngineError && error.status === 404)) throw error;
  });
}
