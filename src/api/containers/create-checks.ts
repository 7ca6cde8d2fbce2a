/** What Docker refuses about a container's configuration whatever the engine's state. */
import { availableParallelism } from 'node:os';
import { invalid } from '../../base/errors.ts';
import type { CreateRequest } from '../../engine/api.ts';
import type { HostConfig } from '../../engine/record.ts';

export const MIN_MEMORY: number = 6 << 20;
const RESTART_POLICIES = ['', 'no', 'always', 'on-failure', 'unless-stopped'];

export function isName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name);
}

export function checkName(name: string): void {
  if (!isName(name.replace(/^\//, ''))) {
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
}

export function checkCreate({ config, host }: CreateRequest): void {
  checkMemory(host);
  checkCpus(host);
  checkRestart(host);
  if (config.MacAddress !== undefined && host.NetworkMode === 'none')
    throw invalid('conflicting options: mac-address and the network mode');
  if ((host.ShmSize ?? 0) < 0) throw invalid('SHM size can not be less than 0');
  const oom = host.OomScoreAdj ?? 0;
  if (oom < -1000 || oom > 1000) throw invalid(`Invalid value ${String(oom)}, range for oom score adj is [-1000, 1000]`);
  const directory = config.WorkingDir ?? '';
  if (directory !== '' && !directory.startsWith('/')) {
    throw invalid(`the working directory '${directory}' is invalid, it needs to be an absolute path`);
  }
  for (const variable of config.Env ?? []) {
    if (variable.startsWith('=') || variable === '') throw invalid(`invalid environment variable: ${variable}`);
  }
  if ((config.Hostname?.length ?? 0) > 64) throw invalid(`invalid hostname: "${String(config.Hostname)}" is longer than 64 characters`);
}

function checkMemory({ Memory = 0, MemorySwap = 0 }: HostConfig): void {
  if (Memory < 0 || (Memory > 0 && Memory < MIN_MEMORY)) throw invalid('Minimum memory limit allowed is 6MB');
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory) {
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (Memory === 0 && MemorySwap > 0) throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
}

export function checkCpus({ NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0 }: HostConfig): void {
  if (NanoCpus > 0 && CpuPeriod > 0) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (NanoCpus > 0 && CpuQuota > 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  const cpus = availableParallelism();
  if (NanoCpus < 0 || NanoCpus > cpus * 1e9) {
    throw invalid(`range of CPUs is from 0.01 to ${String(cpus)}.00, as there are only ${String(cpus)} CPUs available`);
  }
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (CpuQuota > 0 && CpuQuota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
}

export function checkRestart({ AutoRemove = false, RestartPolicy = {} }: HostConfig): void {
  const { Name = '', MaximumRetryCount = 0 } = RestartPolicy;
  if (!RESTART_POLICIES.includes(Name)) {
    throw invalid(`invalid restart policy: unknown policy '${Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  }
  if (MaximumRetryCount < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative');
  if (MaximumRetryCount > 0 && Name !== 'on-failure') {
    throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
  if (AutoRemove && Name !== '' && Name !== 'no') throw invalid("can't create 'AutoRemove' container with restart policy");
}
