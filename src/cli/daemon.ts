import type { Command } from 'commander';
import { addDaemonOptions, configOf } from './global-options.ts';
import { exitStatusOf, explainError } from './report-error.ts';

export function registerDaemon(program: Command): void {
  addDaemonOptions(program.command('daemon'))
    .description('run the daemon in the foreground, its log on stderr')
    .addHelpText('after', '\nExamples:\n  abode daemon --log-level debug\n  abode --root /tmp/a --run-dir /tmp/a-run daemon')
    .action(async (_options: unknown, command: Command) => {
      // Only this command needs the engine.
      const { runDaemon } = await import('../daemon/run-daemon.ts');
      try {
        await runDaemon(configOf(command));
        process.exit(0);
      } catch (error) {
        // What a failed start had begun does not keep the process.
        process.stderr.write(`${explainError(error)}\n`);
        process.exit(exitStatusOf(error));
      }
    });
}
