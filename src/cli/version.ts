import type { Command } from 'commander';
import { AbodeClient } from '../docker-client/abode-client.ts';
import { answersPing } from './daemon-process.ts';
import { configOf } from './global-options.ts';
import { readVersion } from './version-number.ts';

export function registerVersion(program: Command): void {
  program
    .command('version')
    .description('print the versions of this command and of the daemon, if one runs')
    .action(async (_options: unknown, command: Command) => {
      const { socket } = configOf(command);
      process.stdout.write(`abode ${readVersion()}, Node ${process.versions.node}\n`);
      if (!(await answersPing(socket))) {
        process.stdout.write(`daemon: none at ${socket}\n`);
        return;
      }
      const { name, version } = await new AbodeClient(socket).version();
      process.stdout.write(`daemon: ${[name, version].filter((part) => part !== '').join(' ')} at ${socket}\n`);
    });
}
