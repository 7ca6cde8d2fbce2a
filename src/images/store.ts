/** The image store: its parts put together. */
import type { Readable } from 'node:stream';
import type { Log } from '../base/log.ts';
import type { Database } from '../state/database.ts';
import type { ImageDisk, ImageRecord, Images, Progress, PullOptions } from './api.ts';
import { ensureBaseImage } from './base-image.ts';
import { DiskStore } from './disk.ts';
import { findImage, noSuchImage } from './find-image.ts';
import { ImageTable } from './image-table.ts';
import { type ImportOptions, importImage } from './import.ts';
import { LayerStore } from './layer-store.ts';
import { filterImages } from './list-filter.ts';
import { type StoreParts, loadArchive } from './load.ts';
import { ImagePaths } from './paths.ts';
import { pullImage } from './pull.ts';
import { familiarString, withTag } from './reference.ts';
import { removeImage } from './remove.ts';
import { saveImages } from './save.ts';

export interface ImageStoreOptions {
  /** The store's directory; one store at a time. */
  readonly root: string;
  readonly database: Database;
  readonly agentPath: string;
  readonly log: Log;
  /** Ceilings for archives of strangers. */
  readonly maxLayerBytes?: number;
  readonly maxArchiveBytes?: number;
  readonly maxArchiveEntries?: number;
  /** Where busybox-static's program is looked for. */
  readonly busyboxPaths?: readonly string[];
}

const GIB = 2 ** 30;

export class ImageStore implements Images {
  readonly #options: ImageStoreOptions;
  readonly #parts: StoreParts;
  readonly #disks: DiskStore;

  constructor(options: ImageStoreOptions) {
    const { root, database, agentPath, log, maxLayerBytes = 64 * GIB } = options;
    const paths = new ImagePaths(root);
    this.#options = options;
    this.#parts = {
      paths,
      images: new ImageTable(database),
      layers: new LayerStore({ paths, database, agentPath, maxLayerBytes, log }),
    };
    this.#disks = new DiskStore(this.#parts);
  }

  load(archive: Readable): AsyncIterable<Progress> {
    const { maxArchiveBytes = 256 * GIB, maxArchiveEntries = 100_000 } = this.#options;
    return loadArchive(this.#parts, archive, {
      maxBytes: maxArchiveBytes,
      maxEntries: maxArchiveEntries,
    });
  }

  pull(options: PullOptions): AsyncIterable<Progress> {
    return pullImage(this.#parts, options);
  }

  import(archive: Readable, options: ImportOptions): Promise<ImageRecord> {
    return importImage(this.#parts, archive, options);
  }

  // eslint-disable-next-line typescript/require-await -- the contract lets a store take its time
  async save(references: readonly string[]): Promise<Readable> {
    return saveImages(this.#parts, references);
  }

  list({ filters }: { all: boolean; filters: Readonly<Record<string, readonly string[]>> }): ImageRecord[] {
    return filterImages(this.#parts.images.list(), filters, (reference) => this.get(reference));
  }

  get(reference: string): ImageRecord {
    const image = this.find(reference);
    if (image === undefined) throw noSuchImage(reference);
    return image;
  }

  find(reference: string): ImageRecord | undefined {
    return findImage(this.#parts.images, reference, { retained: true });
  }

  tag(reference: string, repository: string, tag: string): ImageRecord {
    const { id } = this.get(reference);
    this.#parts.images.name(familiarString(withTag(repository, tag)), id);
    return this.get(id);
  }

  // eslint-disable-next-line typescript/require-await -- the files are deleted later, the answer is there at once
  async remove(reference: string, options: Parameters<Images['remove']>[1]): ReturnType<Images['remove']> {
    return removeImage(this.#parts, reference, options);
  }

  layers(image: ImageRecord): string[] {
    return image.chainIds.map((chain) => this.#parts.paths.files(chain)).toReversed();
  }

  disk(image: ImageRecord): Promise<ImageDisk> {
    return this.#disks.get(image);
  }

  diskSize(image: ImageRecord): number | undefined {
    return this.#disks.size(image);
  }

  async ensureBase(): Promise<void> {
    await ensureBaseImage(this.#parts, this.#options);
  }

  /** Resolves when what was removed is gone from the disk too. */
  async settled(): Promise<void> {
    await this.#parts.layers.settled();
  }
}
