import type { Command } from 'commander';
import { AbodeClient } from '../docker-client/abode-client.ts';
import { answersPing, findDaemon, stopDaemon } from './daemon-process.ts';
import { configOf } from './global-options.ts';
import { plural } from './plural.ts';

export function registerDown(program: Command): void {
  program
    .command('down')
    .description('stop the daemon; containers and VMs go on running unless asked otherwise')
    .option('--workloads', 'stop all containers first')
    .addHelpText(
      'after',
      '\nExamples:\n  abode down                 # containers go on, the next `abode up` finds them again\n  abode down --workloads     # stop the containers too; they can be started again',
    )
    .action(async (options: { workloads?: true }, command: Command) => {
      const config = configOf(command);
      const answers = await answersPing(config.socket);
      if (!answers && (await findDaemon(config)) === undefined) {
        process.stderr.write(`abode: not running at ${config.socket}\n`);
        return;
      }
      const client = new AbodeClient(config.socket);
      const stopped = options.workloads === true ? await stopContainers(client) : 0;
      // A daemon that hangs must be stopped nevertheless.
      const left = answers ? await countRunning(client).catch(() => undefined) : undefined;
      await stopDaemon(config);
      process.stdout.write(`${describe(stopped, left)}\n`);
    });
}

interface Running {
  readonly containers: number;
  readonly vms: number;
}

async function countRunning(client: AbodeClient): Promise<Running> {
  const [containers, vms] = await Promise.all([client.list({ all: false }), client.listVms()]);
  return {
    containers: containers.length,
    vms: vms.filter(({ state }) => state === 'running').length,
  };
}

async function stopContainers(client: AbodeClient): Promise<number> {
  const running = await client.list({ all: false });
  await Promise.all(running.map((id) => client.stop(id)));
  return running.length;
}

function describe(stopped: number, left: Running | undefined): string {
  const parts = ['stopped'];
  if (stopped > 0) parts.push(`${plural(stopped, 'container')} stopped with it`);
  if (left !== undefined) {
    parts.push(left.containers === 0 ? 'no container runs' : `${plural(left.containers, 'container')} still running`);
    if (left.vms > 0) parts.push(`${plural(left.vms, 'shared VM')} still running`);
  }
  return parts.join('; ');
}
