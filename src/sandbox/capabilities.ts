/** Linux capabilities (capabilities(7)): names, bits, and the set that a container gets by default. */
import { invalid } from '../base/errors.ts';

/** By bit number, as linux/capability.h has them. */
const NAMES =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
    .split(' ')
    .map((name) => `CAP_${name}`);

/** Every capability there is: what `--privileged` means in a guest, where nothing of the host's limits it. */
export const ALL_CAPABILITIES: readonly string[] = NAMES;

const DEFAULTS = 'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
  .split(' ')
  .map((name) => `CAP_${name}`);

export interface CapabilityRequest {
  readonly privileged: boolean;
  readonly add: readonly string[];
  readonly drop: readonly string[];
}

/** The capabilities of a container: Docker's defaults with `--cap-add` and `--cap-drop`, all for `--privileged`. */
export function resolveCapabilities(request: CapabilityRequest, known: readonly string[] = NAMES): string[] {
  const add = request.add.map((name) => normalise(name, 'CapAdd'));
  const drop = request.drop.map((name) => normalise(name, 'CapDrop'));
  if (request.privileged) return [...known];
  const base = add.includes('ALL') ? known : drop.includes('ALL') ? [] : DEFAULTS;
  const wanted = new Set(base.filter((name) => !drop.includes(name)));
  // With ALL nothing else is added: what is dropped beside it stays dropped, as Docker has it.
  if (!add.includes('ALL')) for (const name of add) wanted.add(name);
  return known.filter((name) => wanted.has(name));
}

/** `NAME`, `cap_name` and `CAP_NAME` mean the same; an unknown one is Docker's error. */
function normalise(name: string, field: 'CapAdd' | 'CapDrop'): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return 'ALL';
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!NAMES.includes(full)) throw invalid(`invalid ${field}: unknown capability: "${full}"`);
  return full;
}

/** Checks the names of a request before anything is made. */
export function checkCapabilities(request: Pick<CapabilityRequest, 'add' | 'drop'>): void {
  for (const name of request.add) normalise(name, 'CapAdd');
  for (const name of request.drop) normalise(name, 'CapDrop');
}

/** Bit mask as capset(2) has it. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => mask | (1n << BigInt(NAMES.indexOf(name))), 0n);
}

/** Those that this kernel knows and that this process may hand on, from a bounding-set mask (`CapBnd` of /proc/self/status). */
export function capabilitiesInMask(mask: bigint): string[] {
  return NAMES.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
}
