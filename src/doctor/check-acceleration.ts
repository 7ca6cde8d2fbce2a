import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootGuest, probeAccelerator } from '../sandbox/vm/accelerator.ts';
import { readGuestFiles } from '../sandbox/vm/guest-files.ts';
import { type Finding, type Ground, missing, ok, warn } from './finding.ts';

/** Software emulation takes seconds; a busy machine gets more. */
const TCG_MS = 60_000;
const NOBODY = 65_534;

/** Boots the guest through KVM and, where that fails, by software emulation: what is named has just worked. */
export async function checkAcceleration({ build }: Ground): Promise<readonly Finding[]> {
  const guest = await readGuestFiles(join(build, 'guest')).catch(() => undefined);
  if (guest === undefined) {
    return [missing('acceleration', 'not probed: there is no guest to boot', 'VMs', './abode up')];
  }
  // A cache of its own, thrown away: the doctor looks, it does not remember.
  const cache = await mkdtemp(join(tmpdir(), 'abode-doctor-'));
  try {
    const options = {
      guest,
      agentPath: join(build, 'agent', 'abode-agent'),
      cache: join(cache, 'accelerator.json'),
      uid: NOBODY,
    };
    const { accelerator, reason } = await probeAccelerator(options);
    if (accelerator === 'kvm') return [ok('acceleration', `kvm: ${reason}`)];
    const started = performance.now();
    const failure = await bootGuest(options, 'tcg', TCG_MS);
    if (failure !== undefined) {
      return [
        missing(
          'acceleration',
          `${reason}; nor by software emulation: ${failure}`,
          'VMs',
          'look at what QEMU says above; ./abode up builds the guest anew when build/ is removed',
        ),
      ];
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    return [
      warn(
        'acceleration',
        `tcg: a guest booted by software emulation in ${seconds} s; ${reason}`,
        'hardware speed in VMs',
        mendKvm(reason),
      ),
    ];
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}

/** QEMU runs as a user of its own, which opens the device by its group's right. */
export function mendKvm(reason: string): string {
  return reason.includes('Permission denied')
    ? 'groupadd -f -r kvm && chgrp kvm /dev/kvm && chmod 0660 /dev/kvm, and look again'
    : "enable virtualisation in the firmware, or nested virtualisation on this machine's host; then modprobe kvm_intel or kvm_amd";
}
