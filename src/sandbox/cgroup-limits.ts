/** Limits of a VM as a whole that are the host's to hold: QEMU's share of processors, memory nodes and block devices. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasErrno } from '../base/errors.ts';
import { cgroupVersion } from './cgroup.ts';
import { blockDevice, type BlockRate, type Resources } from './resources.ts';

const ROOT = '/sys/fs/cgroup';

export interface HostLimits {
  readonly cpuShares: number; // 0: none
  readonly cpuset: string;
  readonly resources: Resources | undefined;
  /** What QEMU needs beside the container's memory. */
  readonly overhead: number; // bytes
}

/** Whether the host has anything to hold. */
export function hasHostLimits({ cpuShares, cpuset, resources }: HostLimits): boolean {
  return cpuShares > 0 || cpuset !== '' || resources !== undefined;
}

/** Sets them on a group that exists; gives the directories to join beside those it has already. */
export async function limitCgroup(name: string, limits: HostLimits): Promise<string[]> {
  if (!hasHostLimits(limits)) return [];
  return (await cgroupVersion()) === '2' ? limitVersion2(name, limits) : limitVersion1(name, limits);
}

async function limitVersion1(name: string, { cpuShares, cpuset, resources, overhead }: HostLimits): Promise<string[]> {
  const joined: string[] = [];
  const { memoryReservation = 0, memorySwappiness, memoryNodes = '' } = resources ?? {};
  const set = (controller: string, file: string, value: string | number): Promise<void> =>
    writeFile(join(ROOT, controller, name, file), String(value));
  if (cpuShares > 0) await set('cpu', 'cpu.shares', cpuShares);
  if (memoryReservation > 0) await set('memory', 'memory.soft_limit_in_bytes', memoryReservation + overhead);
  if (memorySwappiness !== undefined) await set('memory', 'memory.swappiness', memorySwappiness);
  if (cpuset !== '' || memoryNodes !== '') {
    joined.push(await makeCpuset(name));
    if (cpuset !== '') await set('cpuset', 'cpuset.cpus', cpuset);
    if (memoryNodes !== '') await set('cpuset', 'cpuset.mems', memoryNodes);
  }
  const rates = resources === undefined ? [] : await blockLines1(resources);
  if (rates.length > 0) {
    joined.push(join(ROOT, 'blkio', name));
    await mkdir(join(ROOT, 'blkio', name), { recursive: true });
    for (const [file, value] of rates) await set('blkio', file, value);
  }
  return joined;
}

/** A new group of version 1 has no processors and no memory until it is told of its parent's. */
async function makeCpuset(name: string): Promise<string> {
  const directory = join(ROOT, 'cpuset', name);
  const parent = dirname(name);
  if (parent !== '.') await makeCpuset(parent);
  await mkdir(directory, { recursive: true });
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if ((await readFile(join(directory, file), 'utf8')).trim() !== '') continue;
    await writeFile(join(directory, file), await readFile(join(dirname(directory), file)));
  }
  return directory;
}

async function blockLines1({ block }: Resources): Promise<Array<[file: string, value: string]>> {
  const lines = (file: string, rates: readonly BlockRate[]): Array<Promise<[string, string]>> =>
    rates.map(async ({ path, rate }): Promise<[string, string]> => {
      const { major, minor } = await blockDevice(path);
      return [file, `${String(major)}:${String(minor)} ${String(rate)}`];
    });
  return Promise.all([
    ...(block.weight > 0 ? [Promise.resolve<[string, string]>(['blkio.weight', String(block.weight)])] : []),
    ...lines('blkio.weight_device', block.weights),
    ...lines('blkio.throttle.read_bps_device', block.readBps),
    ...lines('blkio.throttle.write_bps_device', block.writeBps),
    ...lines('blkio.throttle.read_iops_device', block.readIops),
    ...lines('blkio.throttle.write_iops_device', block.writeIops),
  ]);
}

async function limitVersion2(name: string, { cpuShares, cpuset, resources, overhead }: HostLimits): Promise<string[]> {
  await enable(name);
  const set = (file: string, value: string | number): Promise<void> => writeFile(join(ROOT, name, file), String(value));
  const { memoryReservation = 0, memoryNodes = '' } = resources ?? {};
  // As OCI runtimes turn shares (2 to 262144) into weights (1 to 10000).
  if (cpuShares > 0) await set('cpu.weight', 1 + Math.floor(((cpuShares - 2) * 9999) / 262_142));
  if (memoryReservation > 0) await set('memory.low', memoryReservation + overhead);
  if (cpuset !== '') await set('cpuset.cpus', cpuset);
  if (memoryNodes !== '') await set('cpuset.mems', memoryNodes);
  for (const [file, value] of resources === undefined ? [] : await blockLines2(resources)) await set(file, value);
  return [];
}

/** Handed down from the root, group by group. */
async function enable(name: string): Promise<void> {
  const parent = dirname(name);
  if (parent !== '.') await enable(parent);
  await writeFile(join(ROOT, parent, 'cgroup.subtree_control'), '+cpuset +io').catch((error: unknown) => {
    if (!hasErrno(error, 'EBUSY', 'ENOENT')) throw error;
  });
}

async function blockLines2({ block }: Resources): Promise<Array<[file: string, value: string]>> {
  const lines = (file: string, prefix: string, rates: readonly BlockRate[]): Array<Promise<[string, string]>> =>
    rates.map(async ({ path, rate }): Promise<[string, string]> => {
      const { major, minor } = await blockDevice(path);
      return [file, `${String(major)}:${String(minor)} ${prefix}${String(rate)}`];
    });
  return Promise.all([
    ...(block.weight > 0 ? [Promise.resolve<[string, string]>(['io.weight', `default ${String(block.weight)}`])] : []),
    ...lines('io.weight', '', block.weights),
    ...lines('io.max', 'rbps=', block.readBps),
    ...lines('io.max', 'wbps=', block.writeBps),
    ...lines('io.max', 'riops=', block.readIops),
    ...lines('io.max', 'wiops=', block.writeIops),
  ]);
}
