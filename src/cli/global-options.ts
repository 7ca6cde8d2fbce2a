/** The flags that every command has: which daemon is meant. */
import { type Command, Option } from 'commander';
import { type Config, type ConfigFlags, loadConfig } from '../config/config.ts';
import { UsageError } from './usage-error.ts';

export function addGlobalOptions(program: Command): void {
  program
    .addOption(new Option('--root <directory>', 'what lasts over a reboot: images, disks, state (ABODE_ROOT; default /var/lib/abode)'))
    .addOption(new Option('--run-dir <directory>', 'what does not: sockets, logs of the daemon (ABODE_RUN_DIR; default /run/abode)'))
    .addOption(new Option('--socket <path>', "the daemon's unix socket (ABODE_SOCKET; default RUN-DIR/abode.sock)"));
}

/** The options of the daemon itself, for the commands that may start one. */
export function addDaemonOptions(command: Command): Command {
  return command
    .option('--pool <n>', 'paused clones of the VM template kept ready (ABODE_POOL; default 0)')
    .option(
      '--metrics-addr <address>',
      'serve GET /metrics at ADDRESS:PORT too, or at PORT of the loopback (ABODE_METRICS_ADDR; default: only on the socket)',
    )
    .option('--log-level <level>', 'trace, debug, info, warn, error (ABODE_LOG_LEVEL; default info)');
}

export function configOf(command: Command): Config {
  const config = loadConfig(command.optsWithGlobals<ConfigFlags>());
  if (!Number.isInteger(config.pool) || config.pool < 0) {
    throw new UsageError('the size of the pool is no whole number', 'give --pool 0 or more');
  }
  return config;
}
