/** `docker save`: an OCI layout with Docker's manifest.json and repositories, so that old and new readers take it. */
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { messageOf } from '../base/errors.ts';
import type { ImageRecord } from './api.ts';
import { digestOf, hexOf } from './digest.ts';
import { selectForSave } from './find-image.ts';
import type { Layer, LayerStore } from './layer-store.ts';
import type { LayerLease } from './layer-lease.ts';
import type { StoreParts } from './load.ts';
import { parseReference } from './reference.ts';
import { writeChunk } from './write-chunk.ts';

interface Saved {
  readonly image: ImageRecord;
  readonly names: string[];
  readonly configuration: string;
}

type Pack = ReturnType<typeof pack>;

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';

/** What cannot be saved is told before the first byte; the layers stay until the last. */
export function saveImages(parts: StoreParts, references: readonly string[]): Readable {
  const saved = merge(parts, references);
  const lease = parts.layers.leases.hold(saved.flatMap(({ image }) => image.chainIds));
  const tar = pack();
  tar.on('error', () => undefined); // the reader of `output` gets it
  const output = Readable.from(tar as AsyncIterable<Uint8Array>, { objectMode: false });
  void fill(tar, parts.layers, saved, lease).then(undefined, (error: unknown) => {
    tar.destroy(error instanceof Error ? error : new Error(messageOf(error)));
  });
  // A reader that leaves ends the writer too.
  output.once('close', () => tar.destroy());
  return output;
}

function merge({ images }: StoreParts, references: readonly string[]): Saved[] {
  const byId = new Map<string, Saved>();
  for (const { image, names } of references.flatMap((reference) => selectForSave(images, reference))) {
    const known = byId.get(image.id) ?? {
      image,
      names: [],
      configuration: images.configuration(image.id),
    };
    known.names.push(...names.filter((name) => !known.names.includes(name)));
    byId.set(image.id, known);
  }
  return [...byId.values()];
}

async function fill(tar: Pack, layers: LayerStore, saved: readonly Saved[], lease: LayerLease): Promise<void> {
  try {
    const found = new Map<string, Layer>();
    for (const { image } of saved) {
      for (const chain of image.chainIds) {
        const layer = layers.get(chain);
        if (layer === undefined) throw new Error(`the layer ${chain} is missing`);
        found.set(layer.diffId, layer);
      }
    }
    addDirectory(tar, 'blobs/');
    addDirectory(tar, 'blobs/sha256/');
    const manifests = saved.map((image) => ({ saved: image, text: manifestOf(image, found) }));
    const texts = new Set([...saved.map(({ configuration }) => configuration), ...manifests.map(({ text }) => text)]);
    for (const text of texts) await addText(tar, blobName(digestOf(text)), text);
    for (const layer of found.values()) await addLayer(tar, layers, layer);
    await addText(tar, 'index.json', indexOf(manifests));
    await addText(tar, 'manifest.json', JSON.stringify(saved.map((image) => dockerManifestOf(image))));
    await addText(tar, 'oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    const repositories = repositoriesOf(saved);
    if (Object.keys(repositories).length > 0) await addText(tar, 'repositories', JSON.stringify(repositories));
    tar.finalize();
  } finally {
    lease[Symbol.dispose]();
    layers.collect();
  }
}

function manifestOf({ image, configuration }: Saved, layers: ReadonlyMap<string, Layer>): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, digest: image.id, size: Buffer.byteLength(configuration) },
    layers: image.diffIds.map((digest) => ({
      mediaType: LAYER_TYPE,
      digest,
      size: layers.get(digest)?.tarSize ?? 0,
    })),
  });
}

/** One entry for each name, as Docker writes it; one without annotations where there is none. */
function indexOf(manifests: readonly { saved: Saved; text: string }[]): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: manifests.flatMap(({ saved, text }) => {
      const descriptor = {
        mediaType: MANIFEST_TYPE,
        digest: digestOf(text),
        size: Buffer.byteLength(text),
        platform: { architecture: saved.image.architecture, os: saved.image.os },
      };
      if (saved.names.length === 0) return [descriptor];
      return saved.names.map((name) => {
        const { domain, path, tag = 'latest' } = parseReference(name);
        return {
          ...descriptor,
          annotations: {
            'io.containerd.image.name': `${domain}/${path}:${tag}`,
            'org.opencontainers.image.ref.name': tag,
          },
        };
      });
    }),
  });
}

function dockerManifestOf({ image, names }: Saved): object {
  return {
    Config: blobName(image.id),
    RepoTags: names.length === 0 ? null : names,
    Layers: image.diffIds.map(blobName),
  };
}

/** Docker's oldest form names the topmost layer. */
function repositoriesOf(saved: readonly Saved[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, names } of saved) {
    for (const name of names) {
      const at = name.lastIndexOf(':');
      (repositories[name.slice(0, at)] ??= {})[name.slice(at + 1)] = hexOf(image.diffIds.at(-1) ?? image.id);
    }
  }
  return repositories;
}

const blobName = (digest: string): string => `blobs/sha256/${hexOf(digest)}`;
const unixEpoch = new Date(0);

function addDirectory(tar: Pack, name: string): void {
  tar.entry({ name, type: 'directory', mode: 0o755, mtime: unixEpoch });
}

async function addText(tar: Pack, name: string, content: string): Promise<void> {
  const bytes = Buffer.from(content);
  await addContent(tar, name, bytes.length, [bytes]);
}

async function addLayer(tar: Pack, layers: LayerStore, layer: Layer): Promise<void> {
  await addContent(tar, blobName(layer.diffId), layer.tarSize, layers.openTar(layer));
}

async function addContent(tar: Pack, name: string, size: number, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const entry = tar.entry({ name, size, type: 'file', mode: 0o644, mtime: unixEpoch }, (error) => {
    if (error) reject(error);
    else resolve(undefined);
  });
  promise.catch(() => undefined);
  entry.on('error', () => undefined); // the callback has it
  for await (const chunk of content) {
    if (!(await writeChunk(entry, chunk))) throw new Error('the reader of the archive went away');
  }
  entry.end(undefined);
  await promise;
}
