/** Whether this machine virtualises in hardware, really: a device file proves nothing, so a guest is booted through it once. */
import { access, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { messageOf } from '../../base/errors.ts';
import { readFileIfThere, writeFileAtomic } from '../../base/files.ts';
import { Shim } from '../shim.ts';
import { DATA_DISK_BYTES } from './data-disk.ts';
import type { GuestFiles } from './guest-files.ts';
import { Machine } from './machine.ts';
import type { Accelerator } from './qemu.ts';
import { qemuVersion } from './template.ts';

export interface Acceleration {
  readonly accelerator: Accelerator;
  /** Why not KVM, or how KVM was found to work. */
  readonly reason: string;
}

export interface ProbeOptions {
  readonly guest: GuestFiles;
  readonly agentPath: string;
  /** Where the answer is remembered. */
  readonly cache: string;
  readonly uid: number;
}

/** Hardware boots the guest in well under a second. */
const PROBE_MS = 8000;
const KVM = '/dev/kvm';

const Remembered = Type.Object({
  key: Type.String(),
  accelerator: Type.Union([Type.Literal('kvm'), Type.Literal('tcg')]),
  reason: Type.String(),
});

/** The answer holds until the host boots anew, or QEMU or the guest changes. */
export async function probeAccelerator(options: ProbeOptions): Promise<Acceleration> {
  const boot = (await readFileIfThere('/proc/sys/kernel/random/boot_id'))?.trim() ?? '';
  const key = [boot, await qemuVersion(), options.guest.hash].join(' ');
  const remembered = await recall(options.cache);
  if (remembered?.key === key) return remembered;
  const found = await probe(options);
  await writeFileAtomic(options.cache, JSON.stringify({ key, ...found }));
  return found;
}

async function recall(path: string): Promise<(Acceleration & { key: string }) | undefined> {
  try {
    const data: unknown = JSON.parse((await readFileIfThere(path)) ?? 'null');
    return Value.Check(Remembered, data) ? data : undefined;
  } catch {
    return undefined;
  }
}

async function probe(options: ProbeOptions): Promise<Acceleration> {
  try {
    await access(KVM, constants.R_OK | constants.W_OK);
  } catch {
    return { accelerator: 'tcg', reason: `${KVM} is not there or cannot be opened` };
  }
  const started = performance.now();
  const failure = await bootGuest(options, 'kvm', PROBE_MS);
  if (failure === undefined)
    return { accelerator: 'kvm', reason: `a guest booted through ${KVM} in ${String(Math.round(performance.now() - started))} ms` };
  return { accelerator: 'tcg', reason: `${KVM} is there, but no guest boots through it: ${failure}` };
}

/** Boots the guest until its agent answers, and ends it; gives why that failed. */
export async function bootGuest(
  { guest, agentPath, uid }: ProbeOptions,
  accelerator: Accelerator,
  deadlineMs: number,
): Promise<string | undefined> {
  const work = await mkdtemp(join(tmpdir(), 'abode-probe-'));
  try {
    const disk = join(work, 'disk');
    const file = await open(disk, 'w', 0o600);
    await file.truncate(DATA_DISK_BYTES);
    await file.close();
    const machine = new Machine(await Shim.spawn(agentPath, work, { ephemeral: true }));
    try {
      await machine.launch({
        name: 'abode-probe',
        type: { shape: { memory: 512 << 20, cpus: 1 }, accelerator, network: false, data: 'unmounted', imageSlots: 0 },
        origin: { kind: 'boot', guest, memory: undefined },
        tap: undefined,
        dataDisk: disk,
        imageDisks: [],
        uid,
        gid: uid,
        groups: accelerator === 'kvm' ? await kvmGroups() : [],
        cgroups: [],
        consolePath: join(work, 'console'),
      });
      await machine.guest(deadlineMs);
      return undefined;
    } finally {
      await machine.shutDown(0);
      machine.shim.disconnect();
    }
  } catch (error) {
    return messageOf(error).split('\n')[0];
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The group that may open the device; QEMU's user has no other right to it. */
export async function kvmGroups(): Promise<number[]> {
  const info = await stat(KVM).catch(() => undefined);
  return info === undefined || info.gid === 0 ? [] : [info.gid];
}
