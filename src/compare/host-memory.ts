/** The memory of a peer's instance, read as Abode reads that of its own: cgroup and shim. Linux, cgroup v1 and v2. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfThere } from '../base/files.ts';
import type { Reading } from './column.ts';

const CGROUPS = '/sys/fs/cgroup';

/** `pid` is the init of the container; its parent is what the engine leaves beside each container: containerd's shim, conmon. */
export async function readPeerMemory(pid: number): Promise<Reading> {
  if (pid === 0) return absent('the command ended before its memory could be read');
  const parent = await parentOf(pid);
  if (parent === undefined) return absent('the command ended before its memory could be read');
  const cgroup = await cgroupBytes(pid);
  if (cgroup === undefined) return absent('it has no memory cgroup of its own');
  const shim = await privateBytes(parent);
  if (shim === undefined) return absent('its shim may not be looked at by this user');
  return { sample: { memory: cgroup + shim }, absences: {} };
}

async function parentOf(pid: number): Promise<number | undefined> {
  const status = await readFileIfThere(`/proc/${String(pid)}/status`);
  const parent = Number(/^PPid:\s*(\d+)$/m.exec(status ?? '')?.[1] ?? 0);
  return parent > 1 ? parent : undefined;
}

/** What is charged to the process's memory cgroup, without page cache that the kernel can drop at no cost. */
async function cgroupBytes(pid: number): Promise<number | undefined> {
  const own = await readFileIfThere(`/proc/${String(pid)}/cgroup`);
  const legacy = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.+)$/m.exec(own ?? '')?.[1];
  const unified = /^0::(.+)$/m.exec(own ?? '')?.[1];
  const directory = legacy !== undefined ? join(CGROUPS, 'memory', legacy) : unified !== undefined ? join(CGROUPS, unified) : undefined;
  if (directory === undefined || directory === CGROUPS || directory === join(CGROUPS, 'memory')) return undefined;
  const [usage, stat] = await Promise.all([
    readFileIfThere(join(directory, legacy === undefined ? 'memory.current' : 'memory.usage_in_bytes')),
    readFileIfThere(join(directory, 'memory.stat')),
  ]);
  if (usage === undefined || stat === undefined) return undefined;
  const name = legacy === undefined ? 'inactive_file' : 'total_inactive_file';
  const droppable = Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  return Math.max(0, Number(usage) - droppable);
}

async function privateBytes(pid: number): Promise<number | undefined> {
  const rollup = await readFile(`/proc/${String(pid)}/smaps_rollup`, 'utf8').catch(() => undefined);
  if (rollup === undefined) return undefined;
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(rollup)?.[1] ?? 0);
  return (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) * 1024;
}

function absent(reason: string): Reading {
  return { sample: {}, absences: { memory: reason } };
}
