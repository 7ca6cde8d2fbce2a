/**
 * `docker pull`: layers are unpacked in order while those above them still come down. The image is there only when all of it
 * was verified; until then its parts are in a work directory, or held by a lease, and gone with the pull.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid } from '../base/errors.ts';
import { type Blob, downloadBlob } from '../registry/download.ts';
import { endpointOf } from '../registry/endpoint.ts';
import { fetchManifest, type Platform, type PulledManifest } from '../registry/manifest.ts';
import { RegistrySession } from '../registry/session.ts';
import type { Progress, PullOptions } from './api.ts';
import { machineArchitecture } from './architecture.ts';
import { decompress } from './compression.ts';
import { parseConfiguration } from './configuration.ts';
import { chainsOf, hexOf } from './digest.ts';
import type { LayerLease } from './layer-lease.ts';
import { type StoreParts, syncStore } from './load.ts';
import { familiarName, familiarString, parseReference, type Reference, withDefaultTag } from './reference.ts';
import { ReportQueue } from './report-queue.ts';
import { WorkDirectory } from './work-directory.ts';

/** As many layers at once as Docker's default. */
const PARALLEL = 3;
const MAX_CONFIGURATION = 8 << 20;
const REPORT_MS = 100;

export async function* pullImage(parts: StoreParts, options: PullOptions): AsyncGenerator<Progress> {
  const given = withDefaultTag(parseReference(options.reference));
  // As in Docker, the tag beside a digest says nothing.
  const reference: Reference = given.digest === undefined ? given : { domain: given.domain, path: given.path, digest: given.digest };
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const endpoint = endpointOf(reference.domain);
  await using session = new RegistrySession({ endpoint, repository: reference.path, credentials: options.credentials, signal });
  const manifest = await fetchManifest(session, {
    reference: wanted,
    name: familiarString(reference),
    familiar: familiarName(reference),
    platform: parsePlatform(options.platform),
  });
  yield { status: `Pulling from ${reference.path}`, id: wanted };
  const queue = new ReportQueue<Progress>();
  await using work = await WorkDirectory.create(parts.paths.tmp, 'pull');
  const pulling = addImage(parts, { reference, manifest, work: work.path, session, signal, stop, queue });
  let isNew: boolean;
  try {
    isNew = yield* queue.until(pulling);
  } finally {
    stop.abort();
    await pulling.catch(() => undefined);
  }
  yield { status: `Digest: ${manifest.digest}` };
  yield { status: `Status: ${isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${familiarString(reference)}` };
}

interface Pull {
  readonly reference: Reference;
  readonly manifest: PulledManifest;
  readonly work: string;
  readonly session: RegistrySession;
  readonly signal: AbortSignal;
  readonly stop: AbortController;
  readonly queue: ReportQueue<Progress>;
}

/** True when the name did not mean this image before. */
async function addImage(parts: StoreParts, pull: Pull): Promise<boolean> {
  const { reference, manifest } = pull;
  const configuration = await fetchConfiguration(pull);
  const { diffIds } = parseConfiguration(configuration);
  if (diffIds.length !== manifest.image.layers.length) {
    throw invalid(
      `invalid manifest, layers length mismatch: expected ${String(manifest.image.layers.length)}, got ${String(diffIds.length)}`,
    );
  }
  const lease = parts.layers.leases.hold([]);
  try {
    await addLayers(parts, pull, diffIds, lease);
    pull.signal.throwIfAborted();
    await syncStore(parts.paths);
    const byDigest = familiarString({ domain: reference.domain, path: reference.path, digest: manifest.digest });
    const names = reference.digest === undefined ? [familiarString(reference), byDigest] : [byDigest];
    const before = names.map((name) => parts.images.byName(name)?.id);
    const [added] = parts.images.add([{ configuration, references: names }]);
    return before[0] !== added?.id;
  } finally {
    lease[Symbol.dispose]();
    parts.layers.collect();
  }
}

async function fetchConfiguration({ manifest, work, session, signal, reference }: Pull): Promise<string> {
  const { config } = manifest.image;
  if (config.size > MAX_CONFIGURATION) throw invalid(`the image's configuration is larger than ${String(MAX_CONFIGURATION)} bytes`);
  const path = join(work, 'configuration');
  await downloadBlob(session, config, { path, name: familiarName(reference), signal, report: () => undefined });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof TypeError) throw invalid('invalid image configuration: it is not UTF-8');
    throw error;
  }
}

/** The first failure stops all; when this returns or throws nothing works on the layers any more. */
async function addLayers(parts: StoreParts, pull: Pull, diffIds: readonly string[], lease: LayerLease): Promise<void> {
  const { queue, stop } = pull;
  const chains = chainsOf(diffIds);
  for (const chain of chains) lease.add(chain);
  const layers = pull.manifest.image.layers.map((blob, index) => ({
    blob,
    index,
    id: hexOf(blob.digest).slice(0, 12),
    there: parts.layers.has(chains[index] ?? ''),
  }));
  for (const { id, there } of layers) {
    queue.push(there ? { status: 'Already exists', progressDetail: {}, id } : { status: 'Pulling fs layer', progressDetail: {}, id });
  }
  const missing = layers.filter(({ there }) => !there);
  for (const { id } of missing.slice(PARALLEL)) queue.push({ status: 'Waiting', progressDetail: {}, id });
  const downloads = startDownloads(pull, missing);
  const all = Promise.all(downloads.values());
  all.catch(() => {
    stop.abort();
  });
  try {
    for (const { id, index } of layers) {
      const path = await downloads.get(index);
      await parts.layers.add({
        parent: chains[index - 1],
        expected: diffIds[index],
        position: index,
        lease,
        tar: () => decompress(extracted(path ?? '', pull, pull.manifest.image.layers[index]?.size ?? 0, id)),
      });
      if (path !== undefined) queue.push({ status: 'Pull complete', progressDetail: {}, id });
    }
  } catch (error) {
    stop.abort();
    await Promise.allSettled(downloads.values());
    // What was stopped because another failed is not the reason.
    throw await firstReason(downloads.values(), error);
  }
}

async function firstReason(downloads: Iterable<Promise<unknown>>, otherwise: unknown): Promise<unknown> {
  const settled = await Promise.allSettled(downloads);
  const reasons = settled.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  return reasons.find((reason) => !isAbort(reason)) ?? otherwise;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

interface Missing {
  readonly blob: Blob;
  readonly index: number;
  readonly id: string;
}

/** A file for each layer, lowest first, a few at a time; the same blob twice in an image is fetched once. */
function startDownloads(pull: Pull, missing: readonly Missing[]): Map<number, Promise<string>> {
  const running = new Map<string, Promise<string>>();
  const downloads = new Map<number, Promise<string>>();
  const slots: Promise<unknown>[] = Array.from({ length: PARALLEL }, () => Promise.resolve());
  for (const layer of missing) {
    let download = running.get(layer.blob.digest);
    if (download === undefined) {
      const slot = running.size % PARALLEL;
      const before = slots[slot] ?? Promise.resolve();
      download = before.then(() => downloadLayer(pull, layer));
      slots[slot] = download.catch(() => undefined);
      running.set(layer.blob.digest, download);
      download.catch(() => undefined);
    }
    downloads.set(layer.index, download);
  }
  return downloads;
}

async function downloadLayer({ work, session, signal, queue, reference }: Pull, { blob, id, index }: Missing): Promise<string> {
  signal.throwIfAborted();
  const path = join(work, String(index));
  const report = rarely((current) => {
    queue.push({ status: 'Downloading', progressDetail: { current, total: blob.size }, id });
  });
  await downloadBlob(session, blob, { path, name: familiarName(reference), signal, report });
  queue.push({ status: 'Verifying Checksum', progressDetail: {}, id });
  queue.push({ status: 'Download complete', progressDetail: {}, id });
  return path;
}

/** The file's bytes, told as they are unpacked. */
async function* extracted(path: string, { queue, signal }: Pull, total: number, id: string): AsyncGenerator<Buffer> {
  let current = 0;
  const report = rarely((bytes) => {
    queue.push({ status: 'Extracting', progressDetail: { current: bytes, total }, id });
  });
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 19 }) as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    current += chunk.length;
    report(current);
    yield chunk;
  }
}

function rarely(report: (value: number) => void): (value: number) => void {
  let last = 0;
  return (value) => {
    const now = performance.now();
    if (last !== 0 && now - last < REPORT_MS) return;
    last = now;
    report(value);
  };
}

function parsePlatform(text: string | undefined): Platform {
  if (text === undefined || text === '') return { os: 'linux', architecture: machineArchitecture, variant: '' };
  const [os = '', architecture = machineArchitecture, variant = '', ...more] = text.toLowerCase().split('/');
  if (more.length > 0 || !/^[a-z0-9_]+$/.test(os))
    throw invalid(`${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`);
  if (os !== 'linux') throw invalid(`image operating system ${JSON.stringify(os)} cannot be used on this platform`);
  return { os, architecture: ALIASES[architecture] ?? architecture, variant };
}

const ALIASES: Readonly<Record<string, string>> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64', i386: '386' };
