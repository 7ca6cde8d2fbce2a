/** `docker update`: what of a container's limits and restart policy becomes another, by Docker's rules. */
import { conflict } from '../base/errors.ts';
import type { LimitChanges } from '../sandbox/limit-changes.ts';
import type { UpdateRequest } from './api.ts';
import type { ContainerRecord, HostConfig } from './record.ts';

export interface UpdatePlan {
  readonly host: HostConfig;
  /** What a container that runs is told. */
  readonly changes: LimitChanges;
}

/** Zeros and empty words are what clients send for "as it is". */
export function planUpdate({ id, host }: Pick<ContainerRecord, 'id' | 'host'>, request: UpdateRequest): UpdatePlan {
  checkConflicts(id, host, request);
  const { RestartPolicy: policy, PidsLimit: pids, ...limits } = request;
  const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== 0 && value !== '')) as Omit<
    UpdateRequest,
    'RestartPolicy' | 'PidsLimit'
  >; // a part of the request
  const updated: HostConfig = {
    ...host,
    ...given,
    ...(pids !== undefined && pids !== null && { PidsLimit: pids }),
    ...(policy?.Name !== undefined && policy.Name !== '' && { RestartPolicy: policy }),
  };
  return { host: updated, changes: changesOf(updated, given, pids) };
}

function changesOf(
  host: HostConfig,
  given: Omit<UpdateRequest, 'RestartPolicy' | 'PidsLimit'>,
  pids: number | null | undefined,
): LimitChanges {
  const changesMemory = given.Memory !== undefined || given.MemorySwap !== undefined;
  const changesCpus = given.NanoCpus !== undefined || given.CpuQuota !== undefined || given.CpuPeriod !== undefined;
  return {
    ...(changesMemory && { memory: host.Memory ?? 0, memorySwap: swapOf(host) }),
    ...(given.MemoryReservation !== undefined && { memoryReservation: given.MemoryReservation }),
    ...(changesCpus && cpusOf(host)),
    ...(given.CpuShares !== undefined && { cpuShares: given.CpuShares }),
    ...(given.CpusetCpus !== undefined && { cpuset: given.CpusetCpus }),
    ...(given.CpusetMems !== undefined && { memoryNodes: given.CpusetMems }),
    ...(given.BlkioWeight !== undefined && { blockWeight: given.BlkioWeight }),
    ...(pids !== undefined && pids !== null && { pids: Math.max(0, pids) }),
  };
}

/** What holds: twice the memory where nothing was said. */
function swapOf({ Memory = 0, MemorySwap = 0 }: HostConfig): number {
  return MemorySwap === 0 ? Memory * 2 : MemorySwap;
}

function cpusOf({ NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0 }: HostConfig): Pick<LimitChanges, 'microCpus' | 'cpuPeriod'> {
  if (NanoCpus > 0) return { microCpus: Math.round(NanoCpus / 1000) };
  const cpuPeriod = CpuPeriod > 0 ? CpuPeriod : 100_000;
  return { microCpus: CpuQuota > 0 ? Math.round((CpuQuota / cpuPeriod) * 1_000_000) : 0, cpuPeriod };
}

function checkConflicts(id: string, host: HostConfig, request: UpdateRequest): void {
  const refuse = (why: string): never => {
    throw conflict(`Cannot update container ${id}: ${why}`);
  };
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, Memory = 0, MemorySwap = 0, RestartPolicy: policy } = request;
  if (NanoCpus > 0 && (host.CpuPeriod ?? 0) > 0)
    refuse('Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set');
  if (NanoCpus > 0 && (host.CpuQuota ?? 0) > 0)
    refuse('Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set');
  if (CpuPeriod > 0 && (host.NanoCpus ?? 0) > 0)
    refuse('Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set');
  if (CpuQuota > 0 && (host.NanoCpus ?? 0) > 0) refuse('Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set');
  if (Memory > 0 && MemorySwap === 0 && Memory > swapOf(host))
    refuse('Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time');
  if (host.AutoRemove === true && policy?.Name !== undefined && !['', 'no'].includes(policy.Name))
    refuse('Restart policy cannot be updated because AutoRemove is enabled for the container');
}
