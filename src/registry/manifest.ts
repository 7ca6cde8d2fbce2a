/** Manifests: an image's, and lists of one for each platform (OCI image-spec, Docker's schema 2). */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { invalid, notFound } from '../base/errors.ts';
import { refusedPull } from './failure.ts';
import type { RegistrySession } from './session.ts';

const descriptor = Type.Object({
  mediaType: Type.Optional(Type.String({ maxLength: 255 })),
  digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
  size: Type.Integer({ minimum: 0, maximum: 2 ** 40 }),
  platform: Type.Optional(
    Type.Object({
      architecture: Type.Optional(Type.String()),
      os: Type.Optional(Type.String()),
      variant: Type.Optional(Type.String()),
    }),
  ),
});
const imageSchema = Type.Object({ config: descriptor, layers: Type.Array(descriptor, { maxItems: 127 }) });
const listSchema = Type.Object({ manifests: Type.Array(descriptor, { maxItems: 10_000 }) });

interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture?: string; readonly os?: string; readonly variant?: string };
}

interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string; // empty: any
}

export interface PulledManifest {
  readonly image: ImageManifest;
  /** Of what was asked for: a list's where it is one. */
  readonly digest: string;
}

const IMAGE_TYPES = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
const LIST_TYPES = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
const MAX_MANIFEST = 4 << 20;

/** `reference`: a tag or a digest; `name`: the whole one, for messages. */
export async function fetchManifest(
  session: RegistrySession,
  { reference, name, familiar, platform }: { reference: string; name: string; familiar: string; platform: Platform },
): Promise<PulledManifest> {
  const first = await fetchOne(session, reference, name, familiar);
  if (!first.isList) return { image: checked(imageSchema, first.json, name), digest: first.digest };
  const { manifests } = checked(listSchema, first.json, name);
  const entry = manifests.find((found) => isFor(found, platform));
  if (entry === undefined) {
    const { os, architecture, variant } = platform;
    throw notFound(
      `no matching manifest for ${[os, architecture, variant].filter((part) => part !== '').join('/')} in the manifest list entries`,
    );
  }
  const image = await fetchOne(session, entry.digest, name, familiar);
  if (image.isList) throw invalid(`invalid manifest list of ${name}: it names another list`);
  return { image: checked(imageSchema, image.json, name), digest: first.digest };
}

function isFor({ platform, mediaType }: Descriptor, wanted: Platform): boolean {
  if (platform === undefined || (mediaType !== undefined && !IMAGE_TYPES.includes(mediaType))) return false;
  return (
    platform.os === wanted.os &&
    platform.architecture === wanted.architecture &&
    (wanted.variant === '' || (platform.variant ?? '') === wanted.variant)
  );
}

async function fetchOne(
  session: RegistrySession,
  reference: string,
  name: string,
  familiar: string,
): Promise<{ json: unknown; digest: string; isList: boolean }> {
  const answer = await session.get(`manifests/${reference}`, { accept: [...IMAGE_TYPES, ...LIST_TYPES].join(', ') });
  if (answer.status !== 200) {
    throw refusedPull({ status: answer.status, body: await session.readError(answer), name: familiar, reference: name });
  }
  const bytes = await session.read(answer, MAX_MANIFEST, 'a manifest');
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (reference.includes(':') && reference !== digest) {
    throw invalid(`manifest verification failed for digest ${reference}`);
  }
  const json = parse(bytes, name);
  const type = typeOf(json) ?? answer.header('content-type').split(';')[0]?.trim() ?? '';
  const isList = LIST_TYPES.includes(type);
  if (!isList && !IMAGE_TYPES.includes(type)) {
    throw invalid(`unsupported manifest of ${name}: its media type is ${JSON.stringify(type)}; push the image again with a current client`);
  }
  return { json, digest, isList };
}

/** What the bytes themselves say goes before the header, which no digest covers. */
function typeOf(json: unknown): string | undefined {
  const type: unknown = typeof json === 'object' && json !== null && 'mediaType' in json ? json.mediaType : undefined;
  return typeof type === 'string' ? type : undefined;
}

function parse(bytes: Buffer, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(`invalid manifest of ${name}: ${error instanceof Error ? error.message : ''}`);
  }
}

function checked<T extends Type.TSchema>(schema: T, json: unknown, name: string): Type.Static<T> {
  if (Value.Check(schema, json)) return json;
  const error = Value.Errors(schema, json)[0];
  throw invalid(`invalid manifest of ${name}: ${error === undefined ? 'unknown' : `${error.instancePath}: ${error.message}`}`);
}
