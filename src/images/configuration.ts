/** The image configuration (OCI image-spec, config.md): read and checked where it enters, kept byte for byte. */
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { invalid } from '../base/errors.ts';
import type { ImageConfig, ImageHistory } from './api.ts';
import { chainsOf, isDigest } from './digest.ts';

const nullable = <T extends Type.TSchema>(schema: T): Type.TOptional<Type.TUnion<[T, Type.TNull]>> =>
  Type.Optional(Type.Union([schema, Type.Null()]));
const text = Type.String();
const texts = Type.Array(text);
const set = Type.Record(text, Type.Object({}));

const configSchema = Type.Object({
  User: nullable(text),
  ExposedPorts: nullable(set),
  Env: nullable(texts),
  Entrypoint: nullable(texts),
  Cmd: nullable(texts),
  Volumes: nullable(set),
  WorkingDir: nullable(text),
  Labels: nullable(Type.Record(text, text)),
  StopSignal: nullable(text),
  StopTimeout: nullable(Type.Integer()),
  OnBuild: nullable(texts),
  Shell: nullable(texts),
  Healthcheck: nullable(
    Type.Object({
      Test: nullable(texts),
      Interval: nullable(Type.Integer()),
      Timeout: nullable(Type.Integer()),
      StartPeriod: nullable(Type.Integer()),
      StartInterval: nullable(Type.Integer()),
      Retries: nullable(Type.Integer()),
    }),
  ),
});

const schema = Type.Object({
  architecture: nullable(text),
  variant: nullable(text),
  os: nullable(text),
  author: nullable(text),
  comment: nullable(text),
  created: nullable(text),
  config: nullable(configSchema),
  rootfs: Type.Object({ type: Type.Literal('layers'), diff_ids: nullable(texts) }),
  history: nullable(
    Type.Array(
      Type.Object({
        created: nullable(text),
        created_by: nullable(text),
        author: nullable(text),
        comment: nullable(text),
        empty_layer: nullable(Type.Boolean()),
      }),
    ),
  ),
});

export interface Configuration {
  readonly config: ImageConfig;
  readonly created: string;
  readonly author: string;
  readonly comment: string;
  readonly architecture: string;
  readonly variant: string;
  readonly os: string;
  readonly diffIds: readonly string[];
  readonly chainIds: readonly string[];
  readonly history: readonly ImageHistory[];
}

/** Docker allows no more in one image. */
const MAX_LAYERS = 127;

export function parseConfiguration(json: string): Configuration {
  const raw = parseJson(json);
  if (!Value.Check(schema, raw)) throw invalid(`invalid image configuration: ${firstError(raw)}`);
  const diffIds = raw.rootfs.diff_ids ?? [];
  if (diffIds.length === 0) throw invalid('invalid image configuration: it names no layers');
  if (diffIds.length > MAX_LAYERS) throw invalid(`invalid image configuration: more than ${String(MAX_LAYERS)} layers`);
  const wrong = diffIds.find((diffId) => !isDigest(diffId));
  if (wrong !== undefined) throw invalid(`invalid image configuration: invalid checksum digest format ${JSON.stringify(wrong)}`);
  const os = raw.os ?? 'linux';
  if (os !== 'linux' && os !== '') throw invalid(`cannot load ${os} image on linux`);
  return {
    config: withoutNulls<ImageConfig>(raw.config ?? {}),
    created: raw.created ?? '0001-01-01T00:00:00Z',
    author: raw.author ?? '',
    comment: raw.comment ?? '',
    architecture: raw.architecture ?? '',
    variant: raw.variant ?? '',
    os: 'linux',
    diffIds,
    chainIds: chainsOf(diffIds),
    history: (raw.history ?? []).map((entry) => withoutNulls<ImageHistory>(entry)),
  };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw invalid(`invalid image configuration: ${error instanceof Error ? error.message : ''}`);
  }
}

function firstError(raw: unknown): string {
  const error = Value.Errors(schema, raw)[0];
  return error === undefined ? 'unknown' : `${error.instancePath}: ${error.message}`;
}

type RawConfig = Static<typeof configSchema>;
type RawHistory = NonNullable<Static<typeof schema>['history']>[number];

/** Go writes null for what is empty. */
function withoutNulls<T>(raw: RawConfig | RawHistory): T {
  return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null)) as T;
}
