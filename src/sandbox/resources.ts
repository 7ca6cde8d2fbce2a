/** Limits and devices that few ask for, beside those every sandbox knows (`Limits` in sandbox.ts). */
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrno, invalid } from '../base/errors.ts';

export interface BlockRate {
  readonly path: string; // of a device, on the host
  readonly rate: number;
}

export interface BlockLimits {
  readonly weight: number; // 0: none
  readonly weights: readonly BlockRate[];
  readonly readBps: readonly BlockRate[];
  readonly writeBps: readonly BlockRate[];
  readonly readIops: readonly BlockRate[];
  readonly writeIops: readonly BlockRate[];
}

export interface DeviceWish {
  readonly host: string;
  readonly container: string;
  readonly access: string; // of r, w, m
}

export interface Resources {
  readonly memoryReservation: number; // bytes, 0: none
  readonly memorySwappiness: number | undefined;
  readonly oomKillDisable: boolean;
  readonly kernelMemoryTcp: number; // bytes, 0: none
  /** As they were given, where they were: `Limits.microCpus` is their ratio. */
  readonly cpuPeriod: number; // µs
  readonly cpuQuota: number; // µs, -1: none
  readonly realtimePeriod: number; // µs
  readonly realtimeRuntime: number; // µs
  readonly memoryNodes: string;
  readonly block: BlockLimits;
  readonly devices: readonly DeviceWish[];
  /** `c 10:200 rwm` */
  readonly deviceRules: readonly string[];
}

export interface DeviceNode {
  readonly path: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The device at a path, or those in a directory and below: what `--device` gives. */
export async function findDevices({ host, container }: DeviceWish): Promise<DeviceNode[]> {
  const failed = (why: string): Error => invalid(`error gathering device information while adding custom device "${host}": ${why}`);
  const info = await stat(host).catch((error: unknown) => {
    throw hasErrno(error, 'ENOENT', 'ENOTDIR') ? failed('no such file or directory') : error;
  });
  if (!info.isDirectory()) {
    const node = await readNode(host, container, true);
    if (node === undefined) throw failed('not a device node');
    return [node];
  }
  const nodes = await nodesBelow(host, container);
  if (nodes.length === 0) throw failed('no devices found');
  return nodes;
}

/** Every device of the host, for a privileged container; not what a container has of its own. */
export function hostDevices(): Promise<DeviceNode[]> {
  return nodesBelow('/dev', '/dev');
}

const NOT_SHARED = ['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console'];

async function nodesBelow(directory: string, container: string): Promise<DeviceNode[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const found = await Promise.all(
    entries
      .filter(({ name }) => !NOT_SHARED.includes(name))
      .map(async (entry) => {
        const [from, to] = [join(directory, entry.name), join(container, entry.name)];
        if (entry.isDirectory()) return nodesBelow(from, to);
        const node = await readNode(from, to, false);
        return node === undefined ? [] : [node];
      }),
  );
  return found.flat();
}

/** Undefined: it is none, or gone by now. */
async function readNode(path: string, container: string, follow: boolean): Promise<DeviceNode | undefined> {
  const info = await (follow ? stat : lstat)(path).catch(() => undefined);
  if (info === undefined || (!info.isCharacterDevice() && !info.isBlockDevice())) return undefined;
  const [major, minor] = deviceNumbers(info.rdev);
  return { path: container, type: info.isBlockDevice() ? 'b' : 'c', major, minor, mode: info.mode & 0o777, uid: info.uid, gid: info.gid };
}

/** The block device that a limit names, as the kernel's files name it. */
export async function blockDevice(path: string): Promise<{ major: number; minor: number }> {
  const info = await stat(path).catch((error: unknown) => {
    throw hasErrno(error, 'ENOENT', 'ENOTDIR') ? invalid(`stat ${path}: no such file or directory`) : error;
  });
  const [major, minor] = deviceNumbers(info.rdev);
  return { major, minor };
}

/** As glibc's major() and minor() take them apart. */
function deviceNumbers(rdev: number): [major: number, minor: number] {
  const value = BigInt(rdev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xffff_f000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffff_ff00n);
  return [Number(major), Number(minor)];
}
