/** The default bridge: interface, address, and the rules that let its members out and reach each other. */
import { writeFile } from 'node:fs/promises';
import { hasErrno } from '../base/errors.ts';
import { ProcessError, run } from '../base/process.ts';
import { formatIpv4, gatewayOf, type Subnet } from './addresses.ts';

export interface Bridge {
  readonly name: string;
  readonly subnet: Subnet;
  readonly mtu: number;
}

export function subnetText(subnet: Subnet): string {
  return `${formatIpv4(subnet.base)}/${String(subnet.prefixLength)}`;
}

/** Makes or mends the interface; safe to repeat. */
export async function ensureBridge(bridge: Bridge): Promise<void> {
  const exists = await run('ip', ['link', 'show', 'dev', bridge.name]).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ProcessError && error.exitCode === 1) return false;
      throw error;
    },
  );
  const commands = [
    ...(exists ? [] : [`link add name ${bridge.name} type bridge`]),
    `link set dev ${bridge.name} mtu ${String(bridge.mtu)} up`,
    `addr replace ${formatIpv4(gatewayOf(bridge.subnet))}/${String(bridge.subnet.prefixLength)} dev ${bridge.name}`,
  ];
  await run('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` });
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1').catch((error: unknown) => {
    if (!hasErrno(error, 'EROFS', 'EACCES')) throw error;
  });
}

export async function removeBridge(name: string): Promise<void> {
  await run('ip', ['link', 'delete', 'dev', name]).catch((error: unknown) => {
    if (!(error instanceof ProcessError && error.exitCode === 1)) throw error;
  });
}
