/** Engines under load, Abode and dockerd in turns. See README.md. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { messageOf } from '../src/base/errors.ts';
import { interruptible } from '../src/cli/interruption.ts';
import { parseCount } from '../src/cli/parse-size.ts';
import { exitStatusOf, explainError } from '../src/cli/report-error.ts';
import { readMachine } from '../src/compare/machine.ts';
import { DOCKER_SOCKET } from '../src/compare/peers.ts';
import { createProgress } from '../src/compare/progress.ts';
import { randomFrom } from '../src/compare/random.ts';
import { scheduleBlocks } from '../src/compare/schedule.ts';
import { transferImage } from '../src/compare/transfer-image.ts';
import { startScratchDaemon } from './abode-daemon.ts';
import { findDockerd } from './docker-daemon.ts';
import { attachCase } from './load/attach.ts';
import { churnCase } from './load/churn.ts';
import { removeLabelled } from './load/containers.ts';
import { fileCase, treeCase } from './load/copy.ts';
import { execsCase } from './load/execs.ts';
import { listCase } from './load/list.ts';
import type { LoadCase, LoadColumn, Measured } from './load/load-case.ts';
import { type LoadResult, type LoadSeries, renderLoadResult } from './load/load-result.ts';
import { logsCase } from './load/logs.ts';
import { IMAGE } from './start-columns.ts';

interface Options {
  readonly runs?: number;
  readonly quick?: true;
  readonly only?: readonly string[];
  readonly dockerSocket: string;
  readonly seed?: number;
  readonly json?: true;
  readonly save?: true;
}

interface Cell {
  readonly load: LoadCase;
  readonly column: LoadColumn;
  readonly measured: Measured[];
  failure: string | undefined;
}

const FULL: readonly LoadCase[] = [
  listCase(200),
  churnCase('containers', 'containers', 'container', 100),
  churnCase('vms', 'VMs', 'vm', 24),
  execsCase(100),
  logsCase(100),
  attachCase(200),
  treeCase(10_000),
  fileCase(300),
];
const QUICK: readonly LoadCase[] = [
  listCase(40),
  churnCase('containers', 'containers', 'container', 24),
  churnCase('vms', 'VMs', 'vm', 4),
  execsCase(25),
  logsCase(10),
  attachCase(40),
  treeCase(1000),
  fileCase(50),
];
const NAMES = FULL.map(({ name }) => name);
const RUNS = 7;
const QUICK_RUNS = 3;
const CLEAN_UP_MS = 300_000;
const RESULTS = join(import.meta.dirname, 'results');

async function bench(options: Options, signal: AbortSignal): Promise<void> {
  await using cleanUp = new AsyncDisposableStack();
  const progress = createProgress();
  const startedAt = new Date().toISOString();
  const machine = await readMachine();
  const seed = options.seed ?? 1 + Math.floor(Math.random() * 999_999);
  const random = randomFrom(seed);
  const runs = options.runs ?? (options.quick === true ? QUICK_RUNS : RUNS);
  const loads = (options.quick === true ? QUICK : FULL).filter(({ name }) => options.only?.includes(name) ?? true);
  const { columns, accelerator } = await progress.step('start the daemons', () => prepare(options.dockerSocket, signal, cleanUp));
  const cells: Cell[] = [];
  for (const load of loads) {
    const own = columns
      .filter(({ name }) => load.columns.includes(name))
      .map((column): Cell => ({ load, column, measured: [], failure: undefined }));
    cells.push(...own);
    await progress.step(load.name, (report) => measureLoad(own, runs, random, signal, report));
  }
  const result: LoadResult = {
    schemaVersion: 1,
    startedAt,
    seed,
    machine,
    engines: columns.map(({ name, engine }) => `${name}: ${engine}`),
    accelerator: await accelerator(),
    series: cells.flatMap(seriesOf),
  };
  process.stdout.write(options.json === true ? `${JSON.stringify(result, undefined, 2)}\n` : `\n${renderLoadResult(result)}`);
  if (options.save === true) await save(result);
  if (cells.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

async function prepare(
  dockerSocket: string,
  signal: AbortSignal,
  cleanUp: AsyncDisposableStack,
): Promise<{ columns: LoadColumn[]; accelerator: () => Promise<string | undefined> }> {
  const runId = randomBytes(4).toString('hex');
  const abode = await startScratchDaemon(0, cleanUp);
  const dockerd = await findDockerd(dockerSocket, cleanUp);
  const [own, peer] = await Promise.all([abode.version(signal), dockerd.version(signal)]);
  const image = await abode.image(IMAGE, signal);
  const label = `abode-bench-${runId}`;
  const loaded = await transferImage(dockerd, { abode, reference: IMAGE, image, runId, signal, cleanUp });
  const columns: LoadColumn[] = [
    { name: 'dockerd', engine: `dockerd ${peer.version}`, client: dockerd, image: loaded, runtime: undefined, label },
    { name: 'container', engine: `Abode ${own.version}`, client: abode, image: IMAGE, runtime: undefined, label },
    { name: 'vm', engine: `Abode ${own.version}`, client: abode, image: IMAGE, runtime: 'vm', label },
  ];
  return { columns, accelerator: async () => (await abode.facts(signal)).accelerator };
}

/** One load after another: what one leaves running would be part of the next. */
async function measureLoad(
  cells: readonly Cell[],
  runs: number,
  random: () => number,
  signal: AbortSignal,
  report: (text: string) => void,
): Promise<void> {
  try {
    const actions = new Map<Cell, () => Promise<Measured>>();
    for (const cell of cells) {
      report(`prepare ${cell.column.name}`);
      await attempt(cell, signal, async () => void actions.set(cell, await cell.load.prepare(cell.column, signal)));
    }
    // The first of each is not counted: caches fill.
    for (const [cell, measure] of actions) await attempt(cell, signal, measure);
    const blocks = scheduleBlocks(
      [...actions].map((item) => ({ item, runs })),
      random,
    );
    for (const [index, block] of blocks.entries()) {
      report(`block ${String(index + 1)} of ${String(blocks.length)}`);
      for (const [cell, measure] of block) await attempt(cell, signal, async () => void cell.measured.push(await measure()));
    }
  } finally {
    for (const { column } of cells) await removeLabelled(column, AbortSignal.timeout(CLEAN_UP_MS));
  }
}

async function attempt(cell: Cell, signal: AbortSignal, action: () => Promise<unknown>): Promise<void> {
  if (cell.failure !== undefined) return;
  try {
    await action();
  } catch (error) {
    signal.throwIfAborted();
    cell.failure = messageOf(error).replaceAll(/\s+/g, ' ');
  }
}

function seriesOf({ load, column, measured, failure }: Cell): LoadSeries[] {
  return load.measures.map(({ name, amount }) => ({
    load: load.name,
    title: load.title,
    measure: name,
    amount,
    column: column.name,
    milliseconds: measured.map((values) => values[name]).filter((value) => value !== undefined),
    failure,
  }));
}

async function save(result: LoadResult): Promise<void> {
  const name = `load-${result.startedAt.replaceAll(/[:.]/g, '-')}`;
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
  await writeFile(join(RESULTS, `${name}.md`), renderLoadResult(result));
  process.stderr.write(`saved as ${join(RESULTS, name)}.md and .json\n`);
}

const program = new Command('bench/load.ts')
  .description('Measures engines under load by raw requests to their sockets, interleaved.')
  .option(
    '--runs <n>',
    `measurements of each load and column (default: ${String(RUNS)}; quick: ${String(QUICK_RUNS)})`,
    parseCount('--runs'),
  )
  .option('--quick', 'smaller loads, fewer runs')
  .addOption(new Option('--only <name...>', 'these loads alone').choices(NAMES))
  .option('--docker-socket <path>', 'a running dockerd; without an answer there one is started in a scratch directory', DOCKER_SOCKET)
  .option('--seed <n>', 'repeat the order of an earlier run', parseCount('--seed'))
  .option('--json', 'print JSON, with every single measurement')
  .option('--save', 'write Markdown and JSON to bench/results/')
  .action(async (options: Options) => {
    await interruptible((signal) => bench(options, signal));
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${explainError(error)}\n`);
  process.exitCode = exitStatusOf(error);
}
