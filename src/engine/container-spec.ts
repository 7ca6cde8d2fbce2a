/** From a container's record to what a sandbox runs. */
import { join } from 'node:path';
import { invalid } from '../base/errors.ts';
import { resolveCapabilities } from '../sandbox/capabilities.ts';
import { MASKED_PATHS, READONLY_PATHS, SHM_BYTES } from '../sandbox/defaults.ts';
import { type Ceilings, RLIMITS } from '../sandbox/ceilings.ts';
import type { ContainerSpec, Limits, NetworkPlan, ProcessSpec, Rlimit, Security } from '../sandbox/sandbox.ts';
import { checkLogConfig, logTarget } from './log-options.ts';
import type { ContainerPaths } from './container-paths.ts';
import { resourcesOf } from './create/resources.ts';
import { hostMounts, tmpfsMounts } from './mounts/host-mounts.ts';
import { withOwnEnvironment } from './own-environment.ts';
import type { ContainerRecord, HostConfig } from './record.ts';

export interface SpecParts {
  readonly paths: ContainerPaths;
  readonly layers: readonly string[];
  readonly disk: () => Promise<{ path: string }>;
  readonly mountpoint: (volume: string) => string;
  readonly network: NetworkPlan | undefined;
  readonly ceilings: Ceilings;
  /** The release of the kernel that VMs run. */
  readonly guestKernel: string | undefined;
  readonly rows: number;
  readonly columns: number;
}

export function containerSpec(record: ContainerRecord, parts: SpecParts): ContainerSpec {
  const { config, host } = record;
  const { paths } = parts;
  const resources = resourcesOf(host);
  const points = (record.mounts ?? []).filter(({ destination }) => !Object.hasOwn(host.Tmpfs ?? {}, destination));
  return {
    id: record.id,
    init: initProcess(record, parts),
    runDir: paths.runDir,
    rootDir: paths.rootDir,
    hostname: config.Hostname ?? '',
    domainname: config.Domainname ?? '',
    layers: parts.layers,
    disk: parts.disk,
    files: ['resolv.conf', 'hostname', 'hosts']
      .map((name) => ({ source: join(paths.rootDir, name), destination: `/etc/${name}` }))
      .filter((file) => !points.some(({ destination }) => destination === file.destination)),
    network: parts.network,
    limits: limitsOf(host),
    ...(resources === undefined ? {} : { resources }),
    rlimits: rlimitsOf(host),
    security: { ...securityOf(host, parts.ceilings), kernel: record.isolation.kind === 'container' ? undefined : parts.guestKernel },
    sysctls: { ...(host.Sysctls ?? {}) },
    tmpfs: { ...tmpfsMounts(points), ...(host.Tmpfs ?? {}) },
    mounts: hostMounts(points, parts.mountpoint),
    shmSize: shmSizeOf(host),
    ...(host.Annotations && { annotations: host.Annotations }),
    ...(host.CgroupParent && { cgroupParent: host.CgroupParent }),
    runInit: host.Init === true,
    oomScoreAdj: host.OomScoreAdj ?? 0,
  };
}

function initProcess(record: ContainerRecord, { paths, rows, columns }: SpecParts): ProcessSpec {
  const { config, host } = record;
  return {
    proc: record.proc,
    args: record.command,
    env: withOwnEnvironment(config, config.Tty === true, record.linkEnvironment),
    cwd: config.WorkingDir ?? '',
    user: config.User ?? '',
    groupAdd: host.GroupAdd ?? [],
    tty: config.Tty ?? false,
    openStdin: config.OpenStdin ?? false,
    stdinOnce: config.StdinOnce ?? false,
    rows,
    columns,
    log: logTarget(record, paths.log),
    exitPath: join(paths.runDir, 'exit.json'),
    privileged: host.Privileged ?? false,
  };
}

function limitsOf(host: HostConfig): Limits {
  const quota = host.CpuQuota ?? 0;
  const period = host.CpuPeriod !== undefined && host.CpuPeriod > 0 ? host.CpuPeriod : 100_000;
  return {
    memory: host.Memory ?? 0,
    memorySwap: host.MemorySwap ?? 0,
    microCpus:
      (host.NanoCpus ?? 0) > 0 ? Math.round((host.NanoCpus ?? 0) / 1000) : quota > 0 ? Math.round((quota / period) * 1_000_000) : 0,
    cpuShares: host.CpuShares ?? 0,
    cpuset: host.CpusetCpus ?? '',
    pids: Math.max(0, host.PidsLimit ?? 0),
  };
}

const UNLIMITED = 2n ** 64n - 1n;

function rlimitsOf(host: HostConfig): Rlimit[] {
  const value = (number: number): bigint => (number < 0 ? UNLIMITED : BigInt(number));
  return (host.Ulimits ?? []).map((limit) => ({
    name: `RLIMIT_${limit.Name.toUpperCase()}`,
    soft: value(limit.Soft),
    hard: value(limit.Hard),
  }));
}

function securityOf(host: HostConfig, ceilings: Ceilings): Security {
  const privileged = host.Privileged ?? false;
  const noNew = securityOptions(host).find(([key]) => key === 'no-new-privileges');
  const request = { privileged, add: host.CapAdd ?? [], drop: host.CapDrop ?? [] };
  return {
    privileged,
    capabilities: privileged ? ceilings.capabilities : resolveCapabilities(request).filter((name) => ceilings.capabilities.includes(name)),
    noNewPrivileges: noNew !== undefined && !/^(0|f|false)$/i.test(noNew[1] ?? ''),
    seccomp: seccompOf(host),
    maskedPaths: maskedPathsOf(host),
    readonlyPaths: readonlyPathsOf(host),
    readonlyRoot: host.ReadonlyRootfs ?? false,
  };
}

/** 'default', 'unconfined', or a profile's JSON. */
function seccompOf(host: HostConfig): string {
  if (host.Privileged === true) return 'unconfined';
  const option = securityOptions(host).find(([key]) => key === 'seccomp')?.[1];
  return option === undefined || option === 'builtin' ? 'default' : option;
}

function securityOptions(host: HostConfig): string[][] {
  return (host.SecurityOpt ?? []).map((option) => option.split(/[=:](.*)/s));
}

/** What Docker refuses at create, before anything is made. */
export function checkHostConfig(host: HostConfig): void {
  for (const option of host.SecurityOpt ?? []) {
    if (!/^(seccomp|apparmor|label|no-new-privileges|writable-cgroups)([=:]|$)/.test(option))
      throw invalid(`invalid --security-opt ${/[=:]/.test(option) ? '2' : '1'}: "${option}"`);
    if (/^no-new-privileges[=:]/.test(option) && !/[=:](1|t|true|0|f|false)$/i.test(option))
      throw invalid(`invalid --security-opt 2: "${option}"`);
  }
  for (const limit of host.Ulimits ?? []) {
    if (!RLIMITS.has(`RLIMIT_${limit.Name.toUpperCase()}`)) throw invalid(`invalid ulimit type: ${limit.Name}`);
    if (limit.Hard >= 0 && (limit.Soft > limit.Hard || limit.Soft < 0))
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${String(limit.Soft)} > ${String(limit.Hard)}`);
  }
  checkLogConfig(host);
}

/** What `inspect` tells is what applies: both ask here. */
export function maskedPathsOf(host: HostConfig): readonly string[] {
  return host.MaskedPaths ?? (host.Privileged === true ? [] : MASKED_PATHS);
}

export function readonlyPathsOf(host: HostConfig): readonly string[] {
  return host.ReadonlyPaths ?? (host.Privileged === true ? [] : READONLY_PATHS);
}

export function shmSizeOf(host: HostConfig): number {
  return host.ShmSize !== undefined && host.ShmSize > 0 ? host.ShmSize : SHM_BYTES;
}
