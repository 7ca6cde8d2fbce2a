/** Runs the same image and work in every column, in interleaved order, and cleans up whatever happens. */
import { randomBytes } from 'node:crypto';
import { AbodeError, messageOf } from '../base/errors.ts';
import type { AbodeClient } from '../docker-client/abode-client.ts';
import type { DockerClient, ImageFacts } from '../docker-client/client.ts';
import { withDeadline } from './abortable.ts';
import type { Column, Reading } from './column.ts';
import type { Comparison } from './comparison.ts';
import { readMachine } from './machine.ts';
import { measureMemory } from './measure-memory.ts';
import { measureStart } from './measure-start.ts';
import { measureWork } from './measure-work.ts';
import type { Workload } from './measures.ts';
import type { PlannedColumn } from './planned-column.ts';
import type { Progress } from './progress.ts';
import { randomFrom } from './random.ts';
import { scheduleBlocks } from './schedule.ts';
import { Track } from './track.ts';

export interface CompareRequest {
  readonly abode: AbodeClient;
  readonly version: string;
  readonly reference: string;
  readonly workload: Workload;
  readonly runs: number;
  readonly seed: number;
  readonly columns: readonly PlannedColumn[];
  /** The longest that one run may take. */
  readonly runDeadlineMs: number;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** What all steps of one comparison share. */
interface Session {
  readonly request: CompareRequest;
  readonly runId: string;
  readonly image: ImageFacts;
  readonly cleanUp: AsyncDisposableStack;
}

/** A template is built in a warm-up, and an image's disk made. */
const WARM_UP_MS = 900_000;
const SWEEP_MS = 60_000;
const TICK_MS = 5000;
const LABEL = 'abode.compare';

export async function compare(request: CompareRequest): Promise<Comparison> {
  const session: Session = {
    request,
    runId: randomBytes(4).toString('hex'),
    image: await findImage(request),
    cleanUp: new AsyncDisposableStack(),
  };
  try {
    return await runComparison(session);
  } finally {
    // The numbers are good even where something was left behind.
    await session.cleanUp.disposeAsync().catch((error: unknown) => {
      request.progress.warn(
        `something was left behind: ${explainSuppressed(error)}; look for containers with the label ${LABEL}=${session.runId}`,
      );
    });
  }
}

async function findImage({ abode, reference, signal }: CompareRequest): Promise<ImageFacts> {
  const image = await abode.findImage(reference, signal);
  if (image !== undefined) return image;
  throw new AbodeError('not-found', `no such image: ${reference}`, {
    hint: `give it to Abode, for example by \`docker save ${reference} | docker -H unix://${abode.socket} load\``,
  });
}

async function runComparison(session: Session): Promise<Comparison> {
  const { request, image } = session;
  const { abode, progress, seed, signal } = request;
  const startedAt = new Date().toISOString();
  const machine = await readMachine();
  const tracks = request.columns.map((plan) => new Track(plan));
  for (const track of tracks) {
    await track.attempt(signal, () => progress.step(`prepare ${track.name}`, (report) => prepare(session, track, report)));
  }
  const ready = tracks.filter((track) => !track.failed);
  const shares = ready.map((track) => ({ item: track, runs: track.column?.runs ?? request.runs }));
  const blocks = scheduleBlocks(shares, randomFrom(seed));
  if (blocks.length > 0) await progress.step('measure', (report) => measureBlocks(session, blocks, report));
  const { accelerator } = await abode.facts(signal);
  return {
    version: request.version,
    startedAt,
    image: { reference: request.reference, id: image.id },
    workload: request.workload,
    seed,
    order: blocks.map((block) => block.map(({ name }) => name)),
    machine,
    accelerator,
    columns: tracks.map((track) => track.result()),
  };
}

async function prepare({ request, runId, image, cleanUp }: Session, track: Track, report: (state: string) => void): Promise<void> {
  const { abode, version, reference, runs, signal } = request;
  const column = await track.plan.prepare({
    abode,
    engine: `Abode ${version}`,
    reference,
    image,
    runId,
    runs,
    signal,
    cleanUp,
  });
  track.column = column;
  sweepAtEnd(cleanUp, column.client, runId);
  const since = performance.now();
  const ticker = setInterval(() => {
    report(`first run, ${String(Math.round((performance.now() - since) / 1000))} s (it makes what later runs use)`);
  }, TICK_MS);
  try {
    const reading = await withDeadline('the first run', WARM_UP_MS, signal, (within) =>
      measureOnce(column, request.workload, runId, within),
    );
    track.warmUp = reading.sample;
  } finally {
    clearInterval(ticker);
  }
  await track.readImageSize(signal);
}

async function measureBlocks({ request, runId }: Session, blocks: readonly Track[][], report: (state: string) => void): Promise<void> {
  const { workload, runDeadlineMs, signal } = request;
  for (const [index, block] of blocks.entries()) {
    report(`block ${String(index + 1)} of ${String(blocks.length)}`);
    for (const track of block) {
      const { column } = track;
      if (column === undefined || track.failed) continue;
      await track.attempt(signal, async () => {
        track.keep(await withDeadline('a run', runDeadlineMs, signal, (within) => measureOnce(column, workload, runId, within)));
      });
    }
  }
}

async function measureOnce(column: Column, workload: Workload, runId: string, signal: AbortSignal): Promise<Reading> {
  const request = { workload, labels: { [LABEL]: runId }, signal };
  const start = await measureStart(column, request);
  const second = workload.command === undefined ? await measureWork(column, request) : await measureMemory(column, request);
  return {
    sample: { ...start.sample, ...second.sample },
    absences: { ...start.absences, ...second.absences },
  };
}

/** Containers of a run that was cut off before their ids were known are found by their label. */
function sweepAtEnd(cleanUp: AsyncDisposableStack, client: DockerClient, runId: string): void {
  cleanUp.defer(async () => {
    const signal = AbortSignal.timeout(SWEEP_MS);
    const left = await client.list({ all: true, label: `${LABEL}=${runId}`, signal });
    await Promise.all(left.map((id) => client.remove(id, { force: true, signal })));
  });
}

function explainSuppressed(error: unknown): string {
  if (error instanceof SuppressedError) return `${messageOf(error.error)}, ${explainSuppressed(error.suppressed)}`;
  return messageOf(error);
}
