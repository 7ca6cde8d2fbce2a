/** What the image store gives to those above it. ImageStore (images/store.ts) implements it. */
import type { Readable } from 'node:stream';

/** The OCI image configuration's part that containers are made from (image-spec, config.md). */
export interface ImageConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string;
  readonly StopTimeout?: number; // s
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
  readonly Healthcheck?: HealthConfig;
}

/** Times are nanoseconds; 0 or missing: the default. */
export interface HealthConfig {
  readonly Test?: readonly string[] | null;
  readonly Interval?: number | null;
  readonly Timeout?: number | null;
  readonly StartPeriod?: number | null;
  readonly StartInterval?: number | null;
  readonly Retries?: number | null;
}

export interface ImageHistory {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

export interface ImageRecord {
  readonly id: string; // sha256:… of the configuration
  readonly references: readonly string[]; // repository:tag
  readonly digests: readonly string[]; // repository@digest, of manifests that came from registries
  readonly config: ImageConfig;
  readonly created: string; // RFC 3339, as the configuration says
  readonly author: string;
  readonly comment: string;
  readonly architecture: string;
  readonly variant: string;
  readonly os: string;
  readonly diffIds: readonly string[];
  readonly chainIds: readonly string[];
  readonly history: readonly ImageHistory[];
  readonly size: number; // bytes of files, all layers unpacked
  readonly layerSizes: readonly number[]; // the same for each layer, lowest first
}

/** One line of Docker's JSON progress stream. */
export interface Progress {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

/** A read-only EROFS file, shared by all VMs of the image. */
export interface ImageDisk {
  readonly path: string;
  readonly bytes: number;
}

export interface PullOptions {
  readonly reference: string;
  /** `os[/architecture[/variant]]`; this machine's where undefined. */
  readonly platform?: string | undefined;
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** Ends the pull; its parts are gone then. */
  readonly signal: AbortSignal;
}

export interface Images {
  /** A `docker save` or OCI layout archive, gzip, zstd or plain; yields progress, the last lines say "Loaded image: …". */
  load(archive: Readable): AsyncIterable<Progress>;
  /** From a registry. Nothing is visible before all of it is verified; the first line comes when the manifest is there. */
  pull(options: PullOptions): AsyncIterable<Progress>;
  /** One layer from a root filesystem's tar (gzip, zstd, plain). */
  import(archive: Readable, options: { reference?: string; message?: string; changes: readonly string[] }): Promise<ImageRecord>;
  /** A `docker save` archive of these references or ids (OCI layout and manifest.json both). */
  save(references: readonly string[]): Promise<Readable>;
  /**
   * Newest first. Filters: reference, dangling, label, before, since; another is `invalid`. With `reference` a record's
   * references are those that match. `all` has no effect: Abode keeps no intermediate images.
   */
  list(options: { all: boolean; filters: Readonly<Record<string, readonly string[]>> }): ImageRecord[];
  /**
   * By name (tag `latest` implied), id, or unique prefix of an id; `not-found`: "No such image: NAME:TAG". A whole id
   * (`sha256:…`) also finds an image that was removed by force while a container, now stopped, still needs it.
   */
  get(reference: string): ImageRecord;
  find(reference: string): ImageRecord | undefined;
  tag(reference: string, repository: string, tag: string): ImageRecord;
  /** Docker's answer, in order. `inUse` tells a container that uses the image, a running one where there is one. */
  remove(
    reference: string,
    options: { force: boolean; prune: boolean; inUse: (imageId: string) => { id: string; running: boolean } | undefined },
  ): Promise<Array<{ Untagged: string } | { Deleted: string }>>;
  /** Directories for an overlay's `lowerdir`, topmost first. They exist while the image does, or a container was made from it. */
  layers(image: ImageRecord): string[];
  /** Made on first use, one at a time; the next callers wait for the same one. */
  disk(image: ImageRecord): Promise<ImageDisk>;
  diskSize(image: ImageRecord): number | undefined; // bytes, when it was made
  /** Makes `abode/base:latest` from Debian's busybox-static when it is missing. */
  ensureBase(): Promise<void>;
}
