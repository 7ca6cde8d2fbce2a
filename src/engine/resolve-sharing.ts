/** Whom a container shares namespaces with, found out at its start: those whom it names must run by then. */
import { conflict, invalid } from '../base/errors.ts';
import type { Share, Sharing } from '../sandbox/sharing.ts';
import { type Mode, parseMode, parseNetworkMode } from './create/modes.ts';
import type { ContainerRecord, Isolation } from './record.ts';

export type FindContainer = (reference: string) => ContainerRecord;

export function resolveSharing(record: ContainerRecord, find: FindContainer, runDir: (id: string) => string): Sharing | undefined {
  const { host } = record;
  const ipcMode = parseMode(host.IpcMode);
  const join = (mode: Mode, what: string, namespace: string): Share | undefined => {
    if (mode.kind === 'host') return mode;
    return mode.kind === 'container' ? joined(target(record, mode.reference, find, what), namespace) : undefined;
  };
  const donor = ipcMode.kind === 'container' ? target(record, ipcMode.reference, find, 'IPC') : undefined;
  if (donor !== undefined && parseMode(donor.host.IpcMode).kind === 'own')
    throw conflict(`cannot join IPC of container ${donor.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`);
  const sharing = {
    pid: join(parseMode(host.PidMode), 'PID', 'pid'),
    ipc: join(ipcMode, 'IPC', 'ipc'),
    uts: join(parseMode(host.UTSMode), 'UTS', 'uts'),
    network: record.config.NetworkDisabled === true ? undefined : join(parseNetworkMode(host.NetworkMode), 'network', 'net'),
    cgroup: host.CgroupnsMode === 'host' ? 'host' : host.CgroupnsMode === 'private' ? 'own' : undefined,
    shm: shmOf(ipcMode, donor, runDir),
  } satisfies { [Part in keyof Sharing]: Sharing[Part] | undefined };
  const given = Object.entries(sharing).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : (Object.fromEntries(given) as Sharing);
}

/** The container whose network this one has; undefined where it has its own, or the host's. */
export function networkDonor(record: ContainerRecord, find: FindContainer): ContainerRecord | undefined {
  const mode = parseNetworkMode(record.host.NetworkMode);
  return mode.kind === 'container' ? target(record, mode.reference, find, 'network') : undefined;
}

function shmOf(mode: Mode, donor: ContainerRecord | undefined, runDir: (id: string) => string): Sharing['shm'] {
  if (donor !== undefined)
    return parseMode(donor.host.IpcMode).kind === 'host' ? { kind: 'host' } : { kind: 'join', id: donor.id, runDir: runDir(donor.id) };
  if (mode.kind === 'host') return { kind: 'host' };
  if (mode.kind !== 'named') return undefined;
  return mode.name === 'none' ? { kind: 'none' } : { kind: 'shareable' };
}

function target(record: ContainerRecord, reference: string, find: FindContainer, what: string): ContainerRecord {
  const found = find(reference);
  if (found.id === record.id) throw invalid(`cannot join own ${what}`);
  if (!sameKernel(record.isolation, found.isolation))
    throw invalid(
      `cannot join ${what} of container ${found.id}: ${place(found.isolation)}, and ${place(record.isolation).replace(/^it/, 'this one')}`,
    );
  if (found.state.status !== 'running') throw conflict(`cannot join ${what} of a non running container: ${found.id}`);
  return found;
}

function sameKernel(one: Isolation, other: Isolation): boolean {
  if (one.kind === 'container') return other.kind === 'container';
  return one.kind === 'hybrid' && other.kind === 'hybrid' && one.vm === other.vm;
}

function place(isolation: Isolation): string {
  switch (isolation.kind) {
    case 'container':
      return 'it runs on the host';
    case 'vm':
      return 'it runs in a VM of its own';
    case 'hybrid':
      return `it runs in the VM ${isolation.vm}`;
  }
}

/** In a shared VM the pid is the guest's, as is the runtime that opens the path. */
function joined({ state }: ContainerRecord, namespace: string): Share | undefined {
  return state.status === 'running' ? { kind: 'join', path: `/proc/${String(state.pid)}/ns/${namespace}` } : undefined;
}
