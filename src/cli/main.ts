/** The `abode` command line. */
import { Command, CommanderError } from 'commander';
import { registerCompare } from './compare.ts';
import { registerDaemon } from './daemon.ts';
import { registerDoctor } from './doctor.ts';
import { registerDown } from './down.ts';
import { addGlobalOptions } from './global-options.ts';
import { EXIT_USAGE, exitStatusOf, explainError } from './report-error.ts';
import { registerUp } from './up.ts';
import { registerVersion } from './version.ts';
import { registerVm } from './vm.ts';

const HELP = `
Examples:
  abode compare                                  one image, every isolation, one table
  eval "$(abode up)"                             start the daemon, point the docker command at it
  docker run --rm abode/base echo hello          a container
  docker run --rm --runtime vm abode/base echo hello       a virtual machine
  docker run --rm --runtime vm:dev abode/base echo hello   a container in the shared VM dev
  abode down                                     stop the daemon; containers go on running`;

async function main(): Promise<void> {
  const program = new Command('abode')
    .description('A container and VM engine that speaks the Docker Engine API.')
    .showHelpAfterError('(abode --help lists the commands and options)')
    .configureOutput({
      outputError: (text, write) => {
        write(text.replace(/^error: /, 'abode: '));
      },
    })
    .exitOverride()
    .addHelpText('after', HELP);
  addGlobalOptions(program);
  registerCompare(program);
  registerUp(program);
  registerDown(program);
  registerDaemon(program);
  registerDoctor(program);
  registerVm(program);
  registerVersion(program);
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has said what is wrong, or printed the help that was asked for.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
      return;
    }
    process.stderr.write(`${explainError(error)}\n`);
    process.exitCode = exitStatusOf(error);
  }
}

// A reader that has seen enough, as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

await main();
