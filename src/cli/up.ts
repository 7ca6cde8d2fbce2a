import type { Command } from 'commander';
import { addDaemonOptions, configOf } from './global-options.ts';
import { answersPing, startDaemon } from './daemon-process.ts';

export function registerUp(program: Command): void {
  addDaemonOptions(program.command('up'))
    .description('start the daemon in the background and wait until it answers')
    .addHelpText(
      'after',
      '\nExamples:\n  abode up\n  eval "$(abode up)"              # and point the docker command at it\n  abode up --pool 2               # with two paused clones of the VM template kept ready\n  abode --root /srv/a --run-dir /run/a up   # a second one beside the first',
    )
    .action(async (_options: unknown, command: Command) => {
      const config = configOf(command);
      if (await answersPing(config.socket)) {
        process.stderr.write(`abode: already running at ${config.socket}\n`);
      } else {
        await startDaemon(config);
        process.stderr.write(`abode: running at ${config.socket}\n`);
      }
      // Alone on stdout, so that a shell can evaluate it.
      process.stdout.write(`export DOCKER_HOST=${quoteWord(`unix://${config.socket}`)}\n`);
    });
}

/** As a POSIX shell reads it as one word. */
function quoteWord(text: string): string {
  return /^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
