import type { ContainerRecord } from './record.ts';

/** The host's end of a container's network: a VM's tap, or one of a veth pair; at most 15 bytes. */
export function hostInterfaceOf({ id, isolation }: Pick<ContainerRecord, 'id' | 'isolation'>): string {
  return `ab${isolation.kind === 'vm' ? 't' : 'v'}${id.slice(0, 10)}`;
}
