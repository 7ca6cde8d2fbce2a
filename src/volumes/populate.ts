/** The agent's `populate`: what an image has at a path goes into a volume that holds nothing, all of it or none. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AbodeError } from '../base/errors.ts';
import { ProcessError, run } from '../base/process.ts';

const COPY_MS = 600_000;

export interface Population {
  readonly agentPath: string;
  /** The volume's: its data, and what is on its way there. */
  readonly directory: string;
  /** The image's, topmost first. */
  readonly layers: readonly string[];
  readonly destination: string;
  /** Others have the volume mounted: they keep its directory. */
  readonly inUse: boolean;
}

export async function populateVolume({ agentPath, directory, layers, destination, inUse }: Population): Promise<void> {
  // Of a copy that was cut short.
  await rm(join(directory, 'fill'), { recursive: true, force: true });
  try {
    await run(agentPath, ['populate', inUse ? 'in-use' : 'unused', directory, destination, describeImage(layers)], { timeoutMs: COPY_MS });
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    const reason = error.stderr.trim().replaceAll('abode-agent: populate: ', '') || error.message;
    throw new AbodeError('internal', `failed to populate volume: ${reason}`, { cause: error });
  }
  // What could not be moved, since the volume's user made its own meanwhile.
  await rm(join(directory, 'moving'), { recursive: true, force: true });
}

function describeImage(layers: readonly string[]): string {
  const [only, ...more] = layers;
  if (only !== undefined && more.length === 0) return only;
  return `lowerdir=${layers.map((path) => path.replace(/[\\:,]/g, '\\$&')).join(':')}`;
}
