/** `abode doctor`: what this machine has, what is missing, what that disables and how to mend it. */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Finding } from '../doctor/finding.ts';
import { configOf } from './global-options.ts';

const BUILD = fileURLToPath(new URL('../../build', import.meta.url));

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check this machine line by line: what works, what is missing, how to mend it')
    .option('--json', 'the findings as JSON')
    .addHelpText('after', HELP)
    .action(async (options: { json?: true }, command: Command) => {
      const { root, bridge } = configOf(command);
      // Only this command needs the checks.
      const [{ examine }, { formatFinding }] = await Promise.all([import('../doctor/examine.ts'), import('../doctor/format-finding.ts')]);
      const findings: Finding[] = [];
      const colour = process.stdout.isTTY && process.stdout.hasColors();
      for await (const finding of examine({ root, bridge, build: BUILD })) {
        findings.push(finding);
        if (options.json !== true) process.stdout.write(`${formatFinding(finding, colour)}\n`);
      }
      if (options.json === true) {
        process.stdout.write(`${JSON.stringify({ schema: 1, findings }, undefined, 2)}\n`);
      }
      if (findings.some(({ verdict }) => verdict === 'missing')) process.exitCode = 1;
    });
}

const HELP = `
Exit status 1 if something that Abode needs is missing. Whether VMs run on KVM is found by booting one: this takes
some seconds.`;
