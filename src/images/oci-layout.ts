/** An OCI image layout: index.json, manifests and configurations by digest (OCI image-spec, image-layout.md). */
import { Type } from 'typebox';
import { AbodeError, invalid } from '../base/errors.ts';
import { machineArchitecture } from './architecture.ts';
import type { ArchivedImage } from './archived-image.ts';
import { digestOf, hexOf, isDigest } from './digest.ts';
import { familiarString, parseReference } from './reference.ts';
import { readJson } from './read-json.ts';
import type { Spool } from './spool.ts';

const descriptor = Type.Object({
  mediaType: Type.Optional(Type.String()),
  digest: Type.String(),
  annotations: Type.Optional(Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()])),
  platform: Type.Optional(Type.Object({ architecture: Type.Optional(Type.String()), os: Type.Optional(Type.String()) })),
});
type Descriptor = Type.Static<typeof descriptor>;

const indexSchema = Type.Object({ manifests: Type.Array(descriptor, { maxItems: 10_000 }) });
const manifestSchema = Type.Object({ config: descriptor, layers: Type.Array(descriptor) });

const INDEX_TYPES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
const CONFIG_TYPES = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json'];
const MAX_DEPTH = 4;

export async function readLayout(spool: Spool): Promise<ArchivedImage[]> {
  const { manifests } = await readJson(spool, 'index.json', indexSchema);
  const images: ArchivedImage[] = [];
  for (const entry of manifests) {
    const manifest = await findManifest(spool, entry, 0);
    if (manifest !== undefined) images.push(await readImage(spool, manifest, referencesOf(entry)));
  }
  if (images.length === 0) throw invalid('invalid archive: it holds no image for this machine');
  return images;
}

/** Follows an index to the manifest of this machine's platform. */
async function findManifest(spool: Spool, entry: Descriptor, depth: number): Promise<string | undefined> {
  if (!INDEX_TYPES.includes(entry.mediaType ?? '')) return runsHere(entry) ? entry.digest : undefined;
  if (depth === MAX_DEPTH) throw invalid('invalid manifest: indexes are nested too deep');
  const { manifests } = await readJson(spool, await checkedBlob(spool, entry.digest), indexSchema);
  for (const inner of manifests) {
    // An archive may leave out what it was not asked for: the index still names it.
    if (!runsHere(inner) || !spool.has(blobName(inner.digest))) continue;
    const found = await findManifest(spool, inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function readImage(spool: Spool, digest: string, references: string[]): Promise<ArchivedImage> {
  const manifest = await readJson(spool, await checkedBlob(spool, digest), manifestSchema);
  if (manifest.config.mediaType !== undefined && !CONFIG_TYPES.includes(manifest.config.mediaType)) {
    throw invalid(`invalid manifest: ${digest} is not a container image but ${manifest.config.mediaType}`);
  }
  return {
    configuration: await spool.text(await checkedBlob(spool, manifest.config.digest)),
    layers: manifest.layers.map((layer) => blobName(layer.digest)),
    references,
  };
}

function runsHere({ platform }: Descriptor): boolean {
  if (platform === undefined) return true;
  const architecture = platform.architecture ?? '';
  return (platform.os ?? 'linux') === 'linux' && (architecture === '' || architecture === machineArchitecture);
}

/** containerd's annotation is a whole name; the specification's own is often only a tag, which names no repository. */
function referencesOf({ annotations }: Descriptor): string[] {
  const name = annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name'];
  if (name === undefined || !/[:/]/.test(name)) return [];
  try {
    const reference = parseReference(name);
    return reference.tag === undefined || reference.digest !== undefined ? [] : [familiarString(reference)];
  } catch (error) {
    // Any text is legal in the annotation; the image is none the worse.
    if (error instanceof AbodeError && error.code === 'invalid') return [];
    throw error;
  }
}

async function checkedBlob(spool: Spool, digest: string): Promise<string> {
  const name = blobName(digest);
  const actual = digestOf(await spool.text(name));
  if (actual !== digest) throw invalid(`invalid manifest: ${name} has the digest ${actual}`);
  return name;
}

function blobName(digest: string): string {
  if (!isDigest(digest)) throw invalid(`invalid manifest: unsupported digest ${JSON.stringify(digest)}`);
  return `blobs/sha256/${hexOf(digest)}`;
}
