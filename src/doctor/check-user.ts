import { readFile } from 'node:fs/promises';
import { type Finding, missing, ok, warn } from './finding.ts';

/** Numbers of linux/capability.h. */
const NEEDED = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_MKNOD: 27 } as const;
const CAP_SYS_RESOURCE = 24;

export async function checkUser(): Promise<readonly Finding[]> {
  const uid = process.geteuid?.();
  if (uid !== 0) {
    return [missing('user', `runs as user ${String(uid)}`, 'the daemon', 'run as root: sudo ./abode …')];
  }
  return judgeCapabilities(await readFile('/proc/self/status', 'utf8'));
}

/** `status` is the text of /proc/PID/status. */
export function judgeCapabilities(status: string): readonly Finding[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: number): boolean => ((effective >> BigInt(bit)) & 1n) === 1n;
  const lacking = Object.entries(NEEDED).filter(([, bit]) => !has(bit));
  if (lacking.length > 0) {
    const names = lacking.map(([name]) => name).join(', ');
    return [missing('user', `root without ${names}`, 'the daemon', `start this shell with ${names} (in a container: --privileged)`)];
  }
  if (!has(CAP_SYS_RESOURCE)) {
    return [
      warn(
        'user',
        'root without CAP_SYS_RESOURCE',
        "ulimits above this shell's hard limits: they are lowered to them",
        'raise the hard limits of whatever starts the daemon',
      ),
    ];
  }
  return [ok('user', 'root, with the capabilities that are needed')];
}
