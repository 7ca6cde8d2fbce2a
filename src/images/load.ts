/** `docker load`: nothing of an archive is visible before all of it was verified. */
import { invalid } from '../base/errors.ts';
import { run } from '../base/process.ts';
import type { Progress } from './api.ts';
import type { ArchivedImage } from './archived-image.ts';
import { decompress } from './compression.ts';
import { type Configuration, parseConfiguration } from './configuration.ts';
import { hexOf } from './digest.ts';
import type { ImageTable } from './image-table.ts';
import type { LayerLease } from './layer-lease.ts';
import type { LayerStore } from './layer-store.ts';
import type { ImagePaths } from './paths.ts';
import { withProgress } from './progress.ts';
import { readArchivedImages } from './read-archive.ts';
import { Spool, type SpoolLimits } from './spool.ts';
import { WorkDirectory } from './work-directory.ts';

export interface StoreParts {
  readonly paths: ImagePaths;
  readonly layers: LayerStore;
  readonly images: ImageTable;
}

export async function* loadArchive(parts: StoreParts, archive: AsyncIterable<Uint8Array>, limits: SpoolLimits): AsyncGenerator<Progress> {
  await using work = await WorkDirectory.create(parts.paths.tmp, 'load');
  const spool = await Spool.fill(decompress(archive), work.path, limits);
  const archived = (await readArchivedImages(spool)).map((image) => ({
    ...image,
    parsed: checkImage(image),
  }));
  const lease = parts.layers.leases.hold([]);
  try {
    for (const image of archived) yield* addLayers(parts.layers, spool, image, lease);
    await syncStore(parts.paths);
    const lines = replacedNames(parts.images, archived);
    const added = parts.images.add(archived);
    yield* lines;
    // Docker tells ids only where no image of the archive has a name.
    const names = archived.flatMap(({ references }) => references);
    if (names.length > 0) yield* names.map((name) => ({ stream: `Loaded image: ${name}\n` }));
    else yield* added.map(({ id }) => ({ stream: `Loaded image ID: ${id}\n` }));
  } finally {
    lease[Symbol.dispose]();
    parts.layers.collect();
  }
}

/** The layers' files reach the disk before the image is there: a power cut may lose the image, not a part of it. */
export async function syncStore(paths: ImagePaths): Promise<void> {
  await run('sync', ['--file-system', paths.layers], { timeoutMs: 600_000 });
}

function checkImage({ configuration, layers }: ArchivedImage): Configuration {
  const parsed = parseConfiguration(configuration);
  if (layers.length !== parsed.diffIds.length) {
    throw invalid(`invalid manifest, layers length mismatch: expected ${String(layers.length)}, got ${String(parsed.diffIds.length)}`);
  }
  return parsed;
}

async function* addLayers(
  layers: LayerStore,
  spool: Spool,
  image: ArchivedImage & { readonly parsed: Configuration },
  lease: LayerLease,
): AsyncGenerator<Progress> {
  let parent: string | undefined;
  for (const [index, diffId] of image.parsed.diffIds.entries()) {
    const name = image.layers[index] ?? '';
    const id = hexOf(diffId).slice(0, 12);
    const adding = withProgress((report) =>
      layers.add({
        parent,
        expected: diffId,
        position: index,
        lease,
        tar: () => decompress(counted(spool.open(name), report)),
      }),
    );
    for (;;) {
      const step = await adding.next();
      if (step.done === true) {
        parent = step.value.chain;
        break;
      }
      yield {
        status: 'Loading layer',
        id,
        progressDetail: { current: step.value, total: spool.size(name) },
      };
    }
  }
}

/** Counts what was read of the archive's file, compressed as it is: its size is the known total. */
async function* counted(source: AsyncIterable<Buffer>, report: (bytes: number) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    report(bytes);
    yield chunk;
  }
}

function replacedNames(images: ImageTable, archived: readonly ArchivedImage[]): Progress[] {
  return archived.flatMap(({ references, configuration }) =>
    references.flatMap((name) => {
      const old = images.byName(name);
      if (old === undefined || images.configuration(old.id) === configuration) return [];
      return [
        {
          stream: `The image ${name} already exists, renaming the old one with ID ${old.id} to empty string\n`,
        },
      ];
    }),
  );
}
