/** `abode compare`: the same image and work in every isolation, and in peers. */
import { type Command, Option } from 'commander';
import { ABODE_COLUMNS, type AbodeColumn } from '../compare/abode-columns.ts';
import { DOCKER_SOCKET, PEERS, type Peer } from '../compare/peers.ts';
import { addDaemonOptions, configOf } from './global-options.ts';
import { parseCount } from './parse-size.ts';
import { splitCommand } from './split-command.ts';
import { UsageError } from './usage-error.ts';

const DEFAULT_IMAGE = 'abode/base';

export interface CompareOptions {
  readonly runs: number;
  readonly only: AbodeColumn[];
  readonly with: Peer[];
  readonly work: number;
  readonly timeout: number;
  readonly seed?: number;
  readonly dockerSocket: string;
  readonly json?: true;
}

export function registerCompare(program: Command): void {
  addDaemonOptions(program.command('compare'))
    .description('run one image as a container, a VM and a container in a shared VM, and compare them')
    .usage('[options] [image] [-- command...]')
    .argument('[image]', `an image that Abode has (default: ${DEFAULT_IMAGE})`)
    .argument('[command...]', 'after --: the work, instead of the built-in one; it must end by itself')
    .option('--runs <n>', 'measurements for each column; five at most for the cold boot', parseCount('--runs'), 10)
    .addOption(listOption('--only <columns>', ABODE_COLUMNS, "Abode's columns").default([...ABODE_COLUMNS], 'all of them'))
    .addOption(listOption('--with <peers>', PEERS, 'other engines of this machine').default([], 'none'))
    .option('--work <mib>', 'size of the built-in CPU work', parseCount('--work'), 64)
    .option('--timeout <seconds>', 'the longest that one run may take', parseCount('--timeout'), 120)
    .option('--seed <n>', 'repeat the order of an earlier comparison', parseCount('--seed'))
    .option('--docker-socket <path>', "the peer dockerd's socket", DOCKER_SOCKET)
    .option('--json', 'all samples and facts as JSON')
    .addHelpText('after', HELP)
    .action(async (_image: unknown, _words: unknown, options: CompareOptions, command: Command) => {
      const { image, words } = splitCommand(command.args, process.argv);
      const config = configOf(command);
      // Only this command needs the measuring parts.
      const { runCompare } = await import('./run-compare.ts');
      await runCompare(config, image ?? DEFAULT_IMAGE, words, options);
    });
}

const HELP = `
A daemon is started for the comparison and stopped after it if none answers at the socket.
Exit status 1 if a column failed.

Examples:
  abode compare
  abode compare --with docker,podman
  abode compare --only container,vm --runs 20
  abode compare debian -- sh -c 'apt-cache stats'
  abode compare --json > comparison.json`;

function listOption(flags: string, known: readonly string[], description: string): Option {
  return new Option(flags, `${description}, separated by commas: ${known.join(', ')}`).argParser((text: string) => {
    const names = text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new UsageError(`unknown column ${JSON.stringify(unknown)}`, `choose from ${known.join(', ')}`);
    return names;
  });
}
