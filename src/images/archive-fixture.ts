/** For tests: archives made in memory, and a store in a directory of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Header, pack } from 'tar-stream';
import { pino } from 'pino';
import { Database } from '../state/database.ts';
import type { Progress } from './api.ts';
import { digestOf, hexOf } from './digest.ts';
import { ImageStore, type ImageStoreOptions } from './store.ts';

export interface Entry extends Partial<Omit<Header, 'size'>> {
  readonly name: string;
  readonly content?: string | Buffer;
}

export async function tarOf(...entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry({ mtime: new Date(1_000_000_000_000), ...header }, content ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export interface FixtureImage {
  readonly layers: readonly Buffer[]; // uncompressed tars
  readonly stored?: readonly Buffer[]; // what the archive holds instead
  readonly names?: readonly string[];
  readonly config?: object;
  readonly created?: string;
}

export function configurationOf({ layers, config = {}, created = '2020-01-01T00:00:00Z' }: FixtureImage): string {
  const diffIds = layers.map((layer) => digestOf(layer));
  return JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    created,
    config,
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
}

/** As `docker save` of version 20 writes it. */
export async function dockerArchive(...images: readonly FixtureImage[]): Promise<Buffer> {
  return await tarOf(...dockerEntries(...images));
}

export function dockerEntries(...images: readonly FixtureImage[]): Entry[] {
  const entries: Entry[] = [];
  const manifest = images.map((image, number) => {
    const configuration = configurationOf(image);
    const config = `${hexOf(digestOf(configuration))}.json`;
    entries.push({ name: config, content: configuration });
    const layers = (image.stored ?? image.layers).map((content, index) => {
      const name = `${String(number)}-${String(index)}/layer.tar`;
      entries.push({ name, content });
      return name;
    });
    return { Config: config, RepoTags: image.names ?? null, Layers: layers };
  });
  return [...entries, { name: 'manifest.json', content: JSON.stringify(manifest) }];
}

export class StoreFixture implements AsyncDisposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'abode-images-'));
  readonly database: Database = Database.open(join(this.root, 'state.db'));
  readonly agentPath: string = join(this.root, 'agent');
  readonly #options: Partial<ImageStoreOptions>;
  readonly #stores: ImageStore[] = [];
  store: ImageStore;

  /** Without an agent GNU tar stands in for it: it unpacks, but knows nothing of whiteouts. */
  constructor(options: Partial<ImageStoreOptions> = {}) {
    writeFileSync(this.agentPath, '#!/bin/sh\nexec tar -x -p --numeric-owner -C "$2" -f -\n', {
      mode: 0o755,
    });
    this.#options = options;
    this.store = this.restart();
  }

  /** What a new daemon sees. */
  restart(): ImageStore {
    const { root, database, agentPath } = this;
    this.store = new ImageStore({
      root: join(root, 'images'),
      database,
      agentPath,
      log: pino({ level: 'silent' }),
      ...this.#options,
    });
    this.#stores.push(this.store);
    return this.store;
  }

  /** The lines that Docker's client prints. */
  async load(archive: Buffer): Promise<string[]> {
    const lines: Progress[] = [];
    for await (const line of this.store.load(Readable.from([archive]))) lines.push(line);
    return lines.flatMap(({ stream }) => (stream === undefined ? [] : [stream]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.settled()));
    this.database.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
