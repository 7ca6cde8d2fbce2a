/**
 * Unpacked layers by chain id, and their tars by diff id. A layer is there when it has a row and a directory: the directory
 * is renamed into place first, so one without a row is the rest of a crash. A layer stays while an image, or a lease, has it.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { invalid, messageOf } from '../base/errors.ts';
import { Exclusive } from '../base/exclusive.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../state/database.ts';
import { textOf, textOrNothing } from './column.ts';
import { chainOf, hexOf } from './digest.ts';
import { ingestLayer } from './ingest-layer.ts';
import { type LayerLease, LayerLeases } from './layer-lease.ts';
import type { ImagePaths } from './paths.ts';
import { openTar } from './open-tar.ts';
import { removeTree } from './remove-tree.ts';
import { makeRoot, settleRootTime } from './root-attributes.ts';
import { removeStrayWhiteouts } from './stray-whiteouts.ts';
import { surveyTree } from './survey-tree.ts';
import { WorkDirectory } from './work-directory.ts';

export interface Layer {
  readonly chain: string;
  readonly diffId: string;
  readonly parent: string | undefined;
  /** Bytes of its files. */
  readonly size: number;
  readonly tarSize: number;
}

export interface LayerStoreOptions {
  readonly paths: ImagePaths;
  readonly database: Database;
  readonly agentPath: string;
  readonly maxLayerBytes: number;
  readonly log: Log;
}

export interface NewLayer {
  readonly parent: string | undefined;
  /** The diff id that the content must have; undefined: whatever it has. */
  readonly expected: string | undefined;
  /** Its place in the image, for messages; 0 is the lowest. */
  readonly position: number;
  readonly tar: () => AsyncIterable<Buffer>;
  readonly lease: LayerLease;
}

export class LayerStore {
  readonly leases: LayerLeases = new LayerLeases();
  readonly #options: LayerStoreOptions;
  readonly #exclusive = new Exclusive();
  #deleting: Promise<void> = Promise.resolve();

  constructor(options: LayerStoreOptions) {
    this.#options = options;
    this.#prepare();
  }

  get(chain: string): Layer | undefined {
    const row = this.#options.database.get('SELECT chain, diff, parent, size, tar_size FROM layer WHERE chain = ?', chain);
    if (row === undefined) return undefined;
    return {
      chain: textOf(row, 'chain'),
      diffId: textOf(row, 'diff'),
      parent: textOrNothing(row, 'parent'),
      size: Number(row['size']),
      tarSize: Number(row['tar_size']),
    };
  }

  has(chain: string): boolean {
    return this.#whole(chain) !== undefined;
  }

  /** Adds a layer, or finds that it is there: then its bytes are not read. It stays at least as long as the lease. */
  async add(layer: NewLayer): Promise<Layer> {
    if (layer.expected === undefined) return await this.#ingest(layer);
    const chain = chainOf(layer.parent, layer.expected);
    layer.lease.add(chain);
    return await this.#exclusive.run(chain, async () => this.#whole(chain) ?? (await this.#ingest(layer)));
  }

  /** The uncompressed tar, exactly as it came; the stream fails when that is no longer so. */
  openTar(layer: Layer): Readable {
    return openTar(this.#options.paths.tar(layer.diffId), layer.diffId);
  }

  /** Deletes the layers that nothing has; gives them, topmost first. */
  collect(): string[] {
    const { database, paths } = this.#options;
    const used = new Set(database.all('SELECT chain FROM image').flatMap((row) => JSON.parse(textOf(row, 'chain')) as string[]));
    const all = database.all('SELECT chain, diff, parent FROM layer').map((row) => ({
      chain: textOf(row, 'chain'),
      diff: textOf(row, 'diff'),
      parent: textOrNothing(row, 'parent'),
    }));
    const unused = topmostFirst(all.filter(({ chain }) => !used.has(chain) && !this.leases.has(chain)));
    if (unused.length === 0) return [];
    database.transaction(() => {
      for (const { chain } of unused) database.run('DELETE FROM layer WHERE chain = ?', chain);
    });
    const needed = new Set(all.filter((layer) => !unused.includes(layer)).map(({ diff }) => diff));
    const freed = new Set(unused.map(({ diff }) => diff).filter((diff) => !needed.has(diff)));
    this.#discard([
      ...unused.flatMap(({ chain }) => [paths.layer(chain), paths.disk(chain)]),
      ...[...freed].map((diff) => paths.tar(diff)),
    ]);
    return unused.map(({ chain }) => chain);
  }

  /** Resolves when everything that was discarded is really gone. */
  async settled(): Promise<void> {
    await this.#deleting;
  }

  async #ingest({ parent, expected, position, tar, lease }: NewLayer): Promise<Layer> {
    const { paths, agentPath, maxLayerBytes } = this.#options;
    await using work = await WorkDirectory.create(paths.tmp, 'layer');
    const below = parent === undefined ? undefined : paths.files(parent);
    const target = { directory: join(work.path, 'layer', 'diff'), tar: join(work.path, 'tar') };
    await mkdir(join(work.path, 'layer'), { mode: 0o700 });
    const started = await makeRoot(target.directory, below);
    const ingested = await ingestLayer(tar(), target, { agentPath, maxBytes: maxLayerBytes });
    if (expected !== undefined && ingested.diffId !== expected) {
      throw invalid(
        `invalid diffID for layer ${String(position)}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(ingested.diffId)}`,
      );
    }
    const { size, whiteouts } = await surveyTree(target.directory);
    await removeStrayWhiteouts(
      target.directory,
      this.#filesDown(parent),
      whiteouts.filter((path) => isWhiteout(join(target.directory, path))),
    );
    await settleRootTime(target.directory, below, started);
    const chain = chainOf(parent, ingested.diffId);
    const layer: Layer = { chain, parent, ...ingested, size };
    if (expected === undefined) lease.add(chain);
    this.#keep(layer, join(work.path, 'layer'), target.tar);
    return layer;
  }

  /** The files of a layer and of all below it, topmost first. */
  #filesDown(chain: string | undefined): string[] {
    const files: string[] = [];
    for (let at = chain; at !== undefined; at = this.get(at)?.parent) files.push(this.#options.paths.files(at));
    return files;
  }

  /** A layer whose files are really there. */
  #whole(chain: string): Layer | undefined {
    const layer = this.get(chain);
    return layer !== undefined && existsSync(this.#options.paths.files(chain)) ? layer : undefined;
  }

  /** In one turn, so that nobody sees half of it. The same content under another parent shares its tar. */
  #keep(layer: Layer, directory: string, tar: string): void {
    if (this.#whole(layer.chain) !== undefined) return;
    const { paths, database } = this.#options;
    this.#discard([paths.layer(layer.chain)]);
    renameSync(directory, paths.layer(layer.chain));
    renameSync(tar, paths.tar(layer.diffId));
    database.run(
      'INSERT OR REPLACE INTO layer (chain, diff, parent, size, tar_size) VALUES (?, ?, ?, ?, ?)',
      layer.chain,
      layer.diffId,
      layer.parent ?? null,
      layer.size,
      layer.tarSize,
    );
  }

  /** Makes the directories, and puts away what a crash left behind. */
  #prepare(): void {
    const { paths, database, log } = this.#options;
    for (const path of paths.all) mkdirSync(path, { recursive: true, mode: 0o700 });
    const layers = database.all('SELECT chain, diff FROM layer').map((row) => ({ chain: textOf(row, 'chain'), diff: textOf(row, 'diff') }));
    const chains = new Set(layers.map(({ chain }) => hexOf(chain)));
    const diffs = new Set(layers.map(({ diff }) => hexOf(diff)));
    for (const { chain } of layers) {
      if (!existsSync(paths.files(chain))) log.error({ layer: chain }, 'the directory of a layer is missing: load its images again');
    }
    this.#discard([
      ...readdirSync(paths.tmp).map((name) => join(paths.tmp, name)),
      ...namesBeside(paths.layers, chains),
      ...namesBeside(paths.tars, diffs),
      ...namesBeside(paths.disks, new Set([...chains].map((hex) => `${hex}.2.erofs`))),
    ]);
    this.collect();
  }

  /** Out of sight at once, by rename; deleted meanwhile. */
  #discard(found: readonly string[]): void {
    const { paths, log } = this.#options;
    const doomed = found.filter((path) => existsSync(path));
    if (doomed.length === 0) return;
    const trash = join(paths.tmp, `trash-${randomUUID()}`);
    mkdirSync(trash, { mode: 0o700 });
    doomed.forEach((path, index) => {
      renameSync(path, join(trash, String(index)));
    });
    this.#deleting = Promise.all([this.#deleting, removeTree(trash)]).then(
      () => undefined,
      (error: unknown) => {
        log.error({ path: trash, error: messageOf(error) }, 'deleting layers failed; the next start tries again');
      },
    );
  }
}

/** Overlayfs takes a character device 0:0 for one; any other is a device of the image's. */
function isWhiteout(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.rdev === 0;
}

function namesBeside(directory: string, known: ReadonlySet<string>): string[] {
  return readdirSync(directory)
    .filter((name) => !known.has(name))
    .map((name) => join(directory, name));
}

function topmostFirst<T extends { chain: string; parent: string | undefined }>(layers: readonly T[]): T[] {
  const byChain = new Map(layers.map((layer) => [layer.chain, layer]));
  const depth = (layer: T): number => {
    let count = 0;
    for (let below = layer.parent; below !== undefined; below = byChain.get(below)?.parent) count += 1;
    return count;
  };
  return layers.toSorted((a, b) => depth(b) - depth(a));
}
