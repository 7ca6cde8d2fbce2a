/** Makes an image of one layer. */
import { invalid } from '../base/errors.ts';
import type { ImageConfig, ImageRecord } from './api.ts';
import { machineArchitecture } from './architecture.ts';
import { applyChanges } from './changes.ts';
import { decompress } from './compression.ts';
import { type StoreParts, syncStore } from './load.ts';
import { familiarString, parseReference, withDefaultTag } from './reference.ts';

export interface ImportOptions {
  readonly reference?: string;
  readonly message?: string;
  readonly changes: readonly string[];
}

/** `docker import`. */
export async function importImage(parts: StoreParts, archive: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<ImageRecord> {
  // What is wrong with the request is told before the archive is read.
  const name = options.reference === undefined || options.reference === '' ? undefined : readName(options.reference);
  const config = applyChanges({}, options.changes);
  const created = new Date().toISOString();
  const comment = options.message === undefined || options.message === '' ? 'Imported from -' : options.message;
  return await makeImage(parts, archive, {
    config,
    created,
    comment,
    history: { created, comment },
    name,
  });
}

export interface ImageMaking {
  readonly config: ImageConfig;
  readonly created: string;
  readonly comment?: string;
  readonly history: Readonly<Record<string, string>>;
  readonly name: string | undefined;
}

export async function makeImage(parts: StoreParts, archive: AsyncIterable<Uint8Array>, making: ImageMaking): Promise<ImageRecord> {
  const lease = parts.layers.leases.hold([]);
  try {
    const layer = await parts.layers.add({
      parent: undefined,
      expected: undefined,
      position: 0,
      tar: () => decompress(archive),
      lease,
    });
    const configuration = JSON.stringify({
      architecture: machineArchitecture,
      ...(making.comment !== undefined && { comment: making.comment }),
      config: making.config,
      created: making.created,
      history: [making.history],
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    });
    await syncStore(parts.paths);
    const [image] = parts.images.add([{ configuration, references: making.name === undefined ? [] : [making.name] }]);
    if (image === undefined) throw invalid('no image was made');
    return image;
  } finally {
    lease[Symbol.dispose]();
    parts.layers.collect();
  }
}

function readName(text: string): string {
  const reference = parseReference(text);
  if (reference.digest !== undefined) throw invalid('cannot import digest reference');
  return familiarString(withDefaultTag(reference));
}
