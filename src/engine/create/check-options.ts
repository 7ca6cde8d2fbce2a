/** What Docker refuses about single options of a container, whatever else is asked for. */
import { isIP } from 'node:net';
import { invalid } from '../../base/errors.ts';
import type { HealthConfig } from '../../images/api.ts';
import { signalNumber } from '../signals.ts';
import type { ContainerConfig, HostConfig } from '../record.ts';

export function checkOptions(config: ContainerConfig, host: HostConfig): void {
  if (config.StopSignal !== undefined && config.StopSignal !== '') signalNumber(config.StopSignal);
  for (const variable of config.Env ?? []) {
    if (variable.includes('\0')) throw invalid(`environment variable value can't contain null(\\x00): ${quote(variable)}`);
  }
  checkHealth(config.Healthcheck ?? {});
  for (const entry of host.ExtraHosts ?? []) checkExtraHost(entry);
  for (const [path, options] of Object.entries(host.Tmpfs ?? {})) checkTmpfs(path, options);
  for (const { Name } of host.Ulimits ?? []) if (typeof Name !== 'string') throw invalid('invalid ulimit type: ');
  checkShares(host.CpuShares ?? 0);
  for (const name of Object.keys(host.Annotations ?? {})) if (name === '') throw invalid('invalid annotation: a key must not be empty');
}

const MS = 1_000_000;

function checkHealth(health: HealthConfig): void {
  for (const field of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = health[field] ?? 0;
    if (value !== 0 && value < MS) throw invalid(`${field} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw invalid('Retries in Healthcheck cannot be negative');
}

/** `name:address`; of an IPv6 address the colons stay, and brackets around it go. */
function checkExtraHost(entry: string): void {
  const at = entry.indexOf(':');
  if (at <= 0) throw invalid(`bad format for add-host: ${quote(entry)}`);
  const address = entry.slice(at + 1);
  if (address !== 'host-gateway' && isIP(address) === 0) throw invalid(`invalid IP address in add-host: ${quote(address)}`);
}

const TMPFS_FLAGS = new Set(
  [
    'defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime noatime diratime nodiratime bind rbind',
    'unbindable runbindable private rprivate shared rshared slave rslave relatime norelatime strictatime nostrictatime',
  ].flatMap((names) => names.split(' ')),
);
const TMPFS_VALUES = ['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol'];

function checkTmpfs(path: string, options: string): void {
  if (!path.startsWith('/')) throw invalid(`invalid mount path: '${path}' mount path must be absolute`);
  if (/^\/+\.?\/*$/.test(path)) throw invalid("invalid specification: destination can't be '/'");
  for (const option of options.split(',').filter((text) => text !== '' && !TMPFS_FLAGS.has(text))) {
    const [, name = option, value] = /^([^=]*)=(.*)$/s.exec(option) ?? [];
    if (value === undefined || !TMPFS_VALUES.includes(name))
      throw invalid(`invalid tmpfs option [${[name, ...(value === undefined ? [] : [value])].map(quote).join(' ')}]`);
  }
}

/** As runc has it: crun would take the nearest that is allowed. */
function checkShares(shares: number): void {
  if (shares < 0) throw invalid('shares: invalid argument');
  if (shares === 1) throw invalid('the minimum allowed cpu-shares is 2');
  if (shares > 262_144) throw invalid('the maximum allowed cpu-shares is 262144');
}

function quote(text: string): string {
  return JSON.stringify(text).replaceAll('\\u0000', '\\x00');
}
