/** Throughput into a container through a published port, on Abode and dockerd in turns. See README.md. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { AbodeError } from '../src/base/errors.ts';
import { run } from '../src/base/process.ts';
import { interruptible } from '../src/cli/interruption.ts';
import { parseCount } from '../src/cli/parse-size.ts';
import { exitStatusOf, explainError } from '../src/cli/report-error.ts';
import { readMachine } from '../src/compare/machine.ts';
import { DOCKER_SOCKET } from '../src/compare/peers.ts';
import { createProgress } from '../src/compare/progress.ts';
import { randomFrom } from '../src/compare/random.ts';
import { scheduleBlocks } from '../src/compare/schedule.ts';
import { summarise } from '../src/compare/statistics.ts';
import { renderTable } from '../src/compare/table.ts';
import { prepareColumns, type StartColumn } from './start-columns.ts';

interface Options {
  readonly runs: number;
  readonly megabytes: number;
  readonly dockerSocket: string;
  readonly docker: string;
  readonly seed?: number;
}

/** A way into a container, and what was measured of it, in bytes a second. */
interface Way {
  readonly column: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly rates: number[];
}

const PORT = 81;
const TRANSFER_MS = 120_000;
const START_MS = 300_000;

async function bench(options: Options, signal: AbortSignal): Promise<void> {
  await using cleanUp = new AsyncDisposableStack();
  const progress = createProgress();
  const machine = await readMachine();
  const seed = options.seed ?? 1 + Math.floor(Math.random() * 999_999);
  const runId = randomBytes(4).toString('hex');
  const program = await progress.step('compile the transfer', () => compile(cleanUp));
  const { columns } = await progress.step('start the daemons', () =>
    prepareColumns({ dockerSocket: options.dockerSocket, pool: 0, podman: false, runId, signal, cleanUp }),
  );
  const ways: Way[] = [];
  for (const column of columns) {
    ways.push(
      ...(await progress.step(`start the server: ${column.name}`, () =>
        serve(column, `ports-${runId}`, program, options, signal, cleanUp),
      )),
    );
  }
  await progress.step('measure', async (report) => {
    const blocks = scheduleBlocks(
      ways.map((item) => ({ item, runs: options.runs })),
      randomFrom(seed),
    );
    for (const [index, block] of blocks.entries()) {
      report(`block ${String(index + 1)} of ${String(blocks.length)}`);
      for (const way of block) way.rates.push(await transfer(program, way, options.megabytes * 1e6, signal));
    }
  });
  const engines = columns.map(({ name, engine }) => (name === engine ? name : `${name}: ${engine}`)).join(', ');
  const facts = `${machine.cpu}, ${String(machine.cpus)} CPUs, Linux ${machine.kernel}, load ${machine.load.toFixed(1)}`;
  process.stdout.write(
    `\n${facts}\n${engines}\none connection of ${String(options.megabytes)} MB, ${String(options.runs)} runs, order ${String(seed)}, GB/s\n\n`,
  );
  process.stdout.write(
    renderTable(
      ['column', 'way', 'median', 'from', 'to'],
      ways.map(({ column, name, rates }) => {
        const { median, low, high } = spread(rates);
        return [[column], [name], [median], [low], [high]];
      }),
    ),
  );
}

function spread(rates: readonly number[]): { median: string; low: string; high: string } {
  const text = (rate: number): string => (rate / 1e9).toFixed(2);
  return { median: text(summarise(rates).median), low: text(Math.min(...rates)), high: text(Math.max(...rates)) };
}

async function compile(cleanUp: AsyncDisposableStack): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-bench-ports-'));
  cleanUp.defer(() => rm(directory, { recursive: true }));
  const program = join(directory, 'port-transfer');
  await run('musl-gcc', ['-static', '-O2', '-o', program, join(import.meta.dirname, 'port-transfer.c')]);
  return program;
}

/** A container that takes what comes to a published port; gives the ways that lead there. */
async function serve(
  { name: column, host, flags, image }: StartColumn,
  name: string,
  program: string,
  { docker }: Options,
  signal: AbortSignal,
  cleanUp: AsyncDisposableStack,
): Promise<Way[]> {
  const client = async (...args: readonly string[]): Promise<string> =>
    (await run(docker, ['-H', host, ...args], { timeoutMs: START_MS, signal })).stdout.trim();
  const label = `${name}-${column}`;
  cleanUp.defer(async () => void (await run(docker, ['-H', host, 'rm', '-f', label])));
  const script = `base64 -d > /t; chmod +x /t; exec /t s ${String(PORT)}`;
  const source = (await readFile(program)).toString('base64');
  await client('run', '-d', '--name', label, '-p', String(PORT), ...flags, image, 'sh', '-c', `echo ${source} | { ${script}; }`);
  const published = Number((await client('port', label, String(PORT))).split('\n')[0]?.split(':').at(-1));
  const inside = await client('inspect', '-f', '{{.NetworkSettings.IPAddress}}', label);
  const ways = [
    { name: "container's address", address: inside, port: PORT },
    { name: "host's address", address: ownAddress(), port: published },
    { name: '127.0.0.1', address: '127.0.0.1', port: published },
    { name: '::1', address: '::1', port: published },
  ];
  const made = ways.map((way): Way => ({ ...way, column, rates: [] }));
  // The first of each is not counted: the server may still come up.
  for (const way of made) await untilItServes(program, way, signal);
  return made;
}

async function untilItServes(program: string, way: Way, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(START_MS);
  for (;;) {
    try {
      await transfer(program, way, 1e6, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (deadline.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function transfer(program: string, { address, port }: Way, bytes: number, signal: AbortSignal): Promise<number> {
  const { stdout } = await run(program, ['c', address, String(port), String(bytes)], { timeoutMs: TRANSFER_MS, signal });
  return bytes / Number(stdout);
}

/** One that is not the loopback's, and not that of an engine's bridge. */
function ownAddress(): string {
  const found = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(docker|br-|abode|cni|veth)/.test(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (found === undefined) throw new AbodeError('unavailable', 'this machine has no IPv4 address of its own but the loopback');
  return found.address;
}

const program = new Command('bench/ports.ts')
  .description('Measures the throughput into a container by each way that leads there, interleaved.')
  .option('--runs <n>', 'measurements of each way', parseCount('--runs'), 10)
  .option('--megabytes <n>', 'size of one transfer', parseCount('--megabytes'), 1000)
  .option('--docker-socket <path>', 'a running dockerd; without an answer there one is started in a scratch directory', DOCKER_SOCKET)
  .option('--docker <command>', 'the client', 'docker')
  .option('--seed <n>', 'repeat the order of an earlier run', parseCount('--seed'))
  .action(async (options: Options) => {
    await interruptible((signal) => bench(options, signal));
  });

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`${explainError(error)}\n`);
  process.exitCode = exitStatusOf(error);
}
