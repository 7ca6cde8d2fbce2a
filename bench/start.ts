/** `docker run --rm IMAGE true` by the real client, on Abode and dockerd (and Podman) in turns. See README.md. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { messageOf } from '../src/base/errors.ts';
import { run } from '../src/base/process.ts';
import { interruptible } from '../src/cli/interruption.ts';
import { parseCount } from '../src/cli/parse-size.ts';
import { exitStatusOf, explainError } from '../src/cli/report-error.ts';
import { readMachine } from '../src/compare/machine.ts';
import { DOCKER_SOCKET } from '../src/compare/peers.ts';
import { createProgress } from '../src/compare/progress.ts';
import { randomFrom } from '../src/compare/random.ts';
import { scheduleBlocks } from '../src/compare/schedule.ts';
import { IMAGE, prepareColumns, type StartColumn } from './start-columns.ts';
import { type NetworkMode, renderStartResult, type StartResult, type StartSeries } from './start-result.ts';

interface Options {
  readonly runs: number;
  readonly pool: number;
  readonly dockerSocket: string;
  readonly docker: string;
  readonly podman?: true;
  readonly network: 'none' | 'default' | 'both';
  readonly seed?: number;
  readonly save?: true;
}

interface Cell {
  readonly column: StartColumn;
  readonly network: NetworkMode;
  readonly milliseconds: number[];
  failure: string | undefined;
}

const RUN_MS = 120_000;
const WARM_UP_MS = 600_000;
const RESULTS = join(import.meta.dirname, 'results');

async function bench(options: Options, signal: AbortSignal): Promise<void> {
  await using cleanUp = new AsyncDisposableStack();
  const progress = createProgress();
  const startedAt = new Date().toISOString();
  const machine = await readMachine();
  const seed = options.seed ?? 1 + Math.floor(Math.random() * 999_999);
  const runId = randomBytes(4).toString('hex');
  const prepared = await progress.step('start the daemons', () =>
    prepareColumns({
      dockerSocket: options.dockerSocket,
      pool: options.pool,
      podman: options.podman === true,
      runId,
      signal,
      cleanUp,
    }),
  );
  const modes: NetworkMode[] = options.network === 'both' ? ['none', 'default'] : [options.network];
  const cells: Cell[] = modes.flatMap((network) =>
    prepared.columns.map((column) => ({ column, network, milliseconds: [], failure: undefined })),
  );
  for (const cell of cells) {
    await progress.step(`warm up ${cell.column.name}, network ${cell.network}`, () =>
      measure(cell, options.docker, WARM_UP_MS, signal, () => undefined),
    );
  }
  await progress.step('measure', async (report) => {
    // All modes and columns in the same blocks: the modes can be compared too.
    const blocks = scheduleBlocks(
      cells.filter(({ failure }) => failure === undefined).map((item) => ({ item, runs: options.runs })),
      randomFrom(seed),
    );
    for (const [index, block] of blocks.entries()) {
      report(`block ${String(index + 1)} of ${String(blocks.length)}`);
      for (const cell of block) await measure(cell, options.docker, RUN_MS, signal, (milliseconds) => cell.milliseconds.push(milliseconds));
    }
  });
  const result: StartResult = {
    schemaVersion: 1,
    startedAt,
    command: `docker run --rm ${IMAGE} true`,
    client: (await run(options.docker, ['--version'])).stdout.trim(),
    seed,
    machine,
    accelerator: await prepared.accelerator(),
    held: await prepared.held(),
    series: cells.map(({ column, network, milliseconds, failure }): StartSeries => ({
      column: column.name,
      engine: column.engine,
      network,
      milliseconds,
      failure,
    })),
  };
  process.stdout.write(`\n${renderStartResult(result)}`);
  if (options.save === true) await save(result);
  if (cells.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

async function measure(
  cell: Cell,
  docker: string,
  timeoutMs: number,
  signal: AbortSignal,
  keep: (milliseconds: number) => void,
): Promise<void> {
  if (cell.failure !== undefined) return;
  const { host, flags, image } = cell.column;
  const network = cell.network === 'none' ? ['--network', 'none'] : [];
  try {
    await cell.column.settle(signal);
    const since = performance.now();
    await run(docker, ['-H', host, 'run', '--rm', ...network, ...flags, image, 'true'], {
      timeoutMs,
      signal,
    });
    keep(performance.now() - since);
    // What a pool does after it was used belongs to no other column's run.
    await cell.column.settle(signal);
  } catch (error) {
    signal.throwIfAborted();
    cell.failure = messageOf(error).replaceAll(/\s+/g, ' ');
  }
}

async function save(result: StartResult): Promise<void> {
  const name = `start-${result.startedAt.replaceAll(/[:.]/g, '-')}`;
  await mkdir(RESULTS, { recursive: true });
  await writeFile(join(RESULTS, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
  await writeFile(join(RESULTS, `${name}.md`), renderStartResult(result));
  process.stderr.write(`saved as ${join(RESULTS, name)}.md and .json\n`);
}

const program = new Command('bench/start.ts')
  .description(`Measures \`docker run --rm ${IMAGE} true\` with the real client, interleaved.`)
  .option('--runs <n>', 'measurements for each column and network mode', parseCount('--runs'), 20)
  .option('--pool <n>', 'size of the pool in the column that has one; 0 leaves it out', Number, 2)
  .option('--docker-socket <path>', 'a running dockerd; without an answer there one is started in a scratch directory', DOCKER_SOCKET)
  .option('--docker <command>', 'the client', 'docker')
  .option('--podman', 'Podman as a further column')
  .addOption(new Option('--network <mode>', 'which network modes').choices(['none', 'default', 'both']).default('both'))
  .option('--seed <n>', 'repeat the order of an earlier run', parseCount('--seed'))
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
