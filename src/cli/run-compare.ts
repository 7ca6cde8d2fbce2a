/** What `abode compare` does once its command line is read. */
import { planAbodeColumn, ABODE_COLUMNS } from '../compare/abode-columns.ts';
import { compare } from '../compare/compare.ts';
import { planDockerColumn } from '../compare/docker-column.ts';
import { PEERS } from '../compare/peers.ts';
import type { PlannedColumn } from '../compare/planned-column.ts';
import { podmanColumn } from '../compare/podman-column.ts';
import { createProgress, type Progress } from '../compare/progress.ts';
import { buildJsonReport } from '../compare/report-json.ts';
import { renderReport } from '../compare/report.ts';
import type { Config } from '../config/config.ts';
import { AbodeClient } from '../docker-client/abode-client.ts';
import type { CompareOptions } from './compare.ts';
import { answersPing, startDaemon, stopDaemon } from './daemon-process.ts';
import { interruptible } from './interruption.ts';
import { EXIT_FAILURE } from './report-error.ts';
import { readVersion } from './version-number.ts';

export function runCompare(config: Config, reference: string, words: readonly string[], options: CompareOptions): Promise<void> {
  return interruptible((signal) => compareWithin(config, reference, words, options, signal));
}

async function compareWithin(
  config: Config,
  reference: string,
  words: readonly string[],
  options: CompareOptions,
  signal: AbortSignal,
): Promise<void> {
  const progress = createProgress();
  const started = await ensureDaemon(config, progress, signal);
  try {
    const comparison = await compare({
      abode: new AbodeClient(config.socket),
      version: readVersion(),
      reference,
      workload: { command: words.length === 0 ? undefined : words, workMiB: options.work },
      runs: options.runs,
      seed: options.seed ?? 1 + Math.floor(Math.random() * 999_999),
      columns: planColumns(options),
      runDeadlineMs: options.timeout * 1000,
      progress,
      signal,
    });
    process.stdout.write(
      options.json === true ? `${JSON.stringify(buildJsonReport(comparison), undefined, 2)}\n` : `\n${renderReport(comparison)}`,
    );
    if (comparison.columns.some(({ failure }) => failure !== undefined)) process.exitCode = EXIT_FAILURE;
  } finally {
    if (started) await stopDaemon(config);
  }
}

/** True when it had to be started. */
async function ensureDaemon(config: Config, progress: Progress, signal: AbortSignal): Promise<boolean> {
  if (await answersPing(config.socket)) return false;
  await progress.step('start a daemon for this comparison', () => startDaemon(config, signal));
  return true;
}

function planColumns(options: CompareOptions): PlannedColumn[] {
  // In the order of the table, whatever order they were named in.
  const own = ABODE_COLUMNS.filter((name) => options.only.includes(name)).map(planAbodeColumn);
  const peers = PEERS.filter((name) => options.with.includes(name)).map((name) =>
    name === 'docker' ? planDockerColumn(options.dockerSocket) : podmanColumn,
  );
  return [...own, ...peers];
}
