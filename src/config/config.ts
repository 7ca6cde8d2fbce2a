/** The only reader of Abode's environment variables: flags first, then the environment, then the defaults. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { invalid } from '../base/errors.ts';
import { type MetricsAddress, parseMetricsAddress } from './metrics-address.ts';

export interface Config {
  /** What lasts over a reboot: images, disks, state. */
  readonly root: string;
  /** What does not: sockets, bundles, exit records. */
  readonly runDir: string;
  /** The Docker Engine API's unix socket. */
  readonly socket: string;
  /** The default bridge's interface name, of at most 15 bytes. */
  readonly bridge: string;
  /** Paused clones kept ready; 0 switches the pool off. */
  readonly pool: number;
  readonly logLevel: string;
  /** Where metrics are served by TCP; undefined: only on the socket. */
  readonly metrics?: MetricsAddress;
}

export interface ConfigFlags {
  root?: string | undefined;
  runDir?: string | undefined;
  socket?: string | undefined;
  pool?: string | undefined;
  logLevel?: string | undefined;
  metricsAddr?: string | undefined;
}

const DEFAULT_ROOT = '/var/lib/abode';
const DEFAULT_RUN = '/run/abode';

export function loadConfig(flags: ConfigFlags, environment: NodeJS.ProcessEnv = process.env): Config {
  // An empty variable is how a unit file or a script leaves one unset.
  const variable = (name: string): string | undefined => environment[name] || undefined;
  const root = resolve(flags.root ?? variable('ABODE_ROOT') ?? DEFAULT_ROOT);
  const runDir = resolve(flags.runDir ?? variable('ABODE_RUN_DIR') ?? DEFAULT_RUN);
  const metrics = parseMetricsAddress(flags.metricsAddr ?? variable('ABODE_METRICS_ADDR') ?? '');
  return {
    root,
    runDir,
    socket: resolve(flags.socket ?? variable('ABODE_SOCKET') ?? join(runDir, 'abode.sock')),
    bridge: bridgeName(root),
    pool: poolSize(flags.pool ?? variable('ABODE_POOL') ?? '0'),
    logLevel: flags.logLevel ?? variable('ABODE_LOG_LEVEL') ?? 'info',
    ...(metrics === undefined ? {} : { metrics }),
  };
}

function poolSize(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw invalid(`invalid size of the pool: "${text}" is not a whole number from 0 on`);
  return Number(text);
}

/** Several daemons can run side by side, so a root other than the default names a bridge of its own. */
function bridgeName(root: string): string {
  if (root === DEFAULT_ROOT) return 'abode0';
  return `abode-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`;
}
