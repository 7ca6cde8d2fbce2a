/** `abode vm`: the VMs that containers share. */
import type { Command } from 'commander';
import { AbodeClient } from '../docker-client/abode-client.ts';
import type { VmRecord } from '../engine/record.ts';
import { formatBytes } from '../compare/format.ts';
import { renderTable } from '../compare/table.ts';
import { configOf } from './global-options.ts';
import { parseCount, parseSize } from './parse-size.ts';

export function registerVm(program: Command): void {
  const vm = program
    .command('vm')
    .description('VMs that containers share (docker run --runtime vm:NAME)')
    .addHelpText(
      'after',
      '\nExamples:\n  abode vm create build --cpus 2 --memory 1g\n  docker run --rm --runtime vm:build abode/base uname -r\n  abode vm ls\n  abode vm rm --force build',
    );
  registerCreate(vm);
  registerList(vm);
  registerInspect(vm);
  registerRemove(vm);
}

function registerCreate(vm: Command): void {
  vm.command('create <name>')
    .description('create a VM and start it')
    .option('--cpus <n>', 'its processors', parseCount('--cpus'))
    .option('-m, --memory <size>', 'its memory, for example 512m', parseSize)
    .action(async (name: string, options: { cpus?: number; memory?: number }, command: Command) => {
      const created = await clientOf(command).createVm({ name, ...options });
      process.stdout.write(`${created.name}\n`);
    });
}

function registerList(vm: Command): void {
  vm.command('ls')
    .description('list them')
    .option('--json', 'as JSON')
    .action(async (options: { json?: true }, command: Command) => {
      const vms = await clientOf(command).listVms();
      process.stdout.write(options.json === true ? `${JSON.stringify(vms, undefined, 2)}\n` : `${tableOf(vms)}\n`);
    });
}

function registerInspect(vm: Command): void {
  vm.command('inspect <name...>')
    .description('print everything about them as JSON')
    .action(async (names: string[], _options: unknown, command: Command) => {
      const client = clientOf(command);
      const vms = await Promise.all(names.map((name) => client.getVm(name)));
      process.stdout.write(`${JSON.stringify(vms, undefined, 2)}\n`);
    });
}

function registerRemove(vm: Command): void {
  vm.command('rm <name...>')
    .description('stop and remove them')
    .option('-f, --force', 'with the containers in them')
    .action(async (names: string[], options: { force?: true }, command: Command) => {
      const client = clientOf(command);
      for (const name of names) {
        await client.removeVm(name, { force: options.force === true });
        process.stdout.write(`${name}\n`);
      }
    });
}

function clientOf(command: Command): AbodeClient {
  return new AbodeClient(configOf(command).socket);
}

function tableOf(vms: readonly VmRecord[]): string {
  const rows = vms.map((vm) => [
    [vm.name],
    [vm.state],
    [String(vm.cpus)],
    [formatBytes(vm.memory)],
    [String(vm.containers.length)],
    [vm.accelerator],
  ]);
  return renderTable(['name', 'state', 'cpus', 'memory', 'containers', 'acceleration'], rows);
}
