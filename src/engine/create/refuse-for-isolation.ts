/** What of Docker's options has no meaning in a VM: refused by name, with the reason. */
import { type AbodeError, invalid } from '../../base/errors.ts';
import type { HostConfig, Isolation } from '../record.ts';
import { parseMode, parseNetworkMode } from './modes.ts';

/** Why, where this option has no meaning; undefined where it has. */
type Reason = (host: HostConfig) => string | undefined;

const IN_ANY_VM: ReadonlyArray<readonly [option: string, reason: Reason]> = [
  [
    '--device (HostConfig.Devices)',
    ({ Devices }) => ((Devices ?? []).length > 0 ? 'it has devices of its own, and none of the host is passed to it' : undefined),
  ],
  ['--pid host (HostConfig.PidMode)', ({ PidMode }) => (isHost(PidMode) ? "the VM's kernel knows no process of the host" : undefined)],
  [
    '--ipc host (HostConfig.IpcMode)',
    ({ IpcMode }) => (isHost(IpcMode) ? "the VM's kernel has no memory in common with the host" : undefined),
  ],
  ['--uts host (HostConfig.UTSMode)', ({ UTSMode }) => (isHost(UTSMode) ? "the VM's kernel has a name of its own" : undefined)],
  [
    '--network host (HostConfig.NetworkMode)',
    ({ NetworkMode }) => (isHost(NetworkMode) ? "the VM has a network of its own: publish ports, or use the host's address" : undefined),
  ],
];

/** Nobody else runs on its kernel. */
const ALONE = 'it is alone in its VM: run both containers in one (--runtime vm:NAME)';

const IN_ITS_OWN_VM: ReadonlyArray<readonly [option: string, reason: Reason]> = [
  [
    '--device-cgroup-rule (HostConfig.DeviceCgroupRules)',
    ({ DeviceCgroupRules }) =>
      (DeviceCgroupRules ?? []).length > 0
        ? "its processes may use Docker's usual devices: give it all of its VM's with --privileged"
        : undefined,
  ],
  ['--pid container:NAME (HostConfig.PidMode)', ({ PidMode }) => (parseMode(PidMode).kind === 'container' ? ALONE : undefined)],
  ['--ipc container:NAME (HostConfig.IpcMode)', ({ IpcMode }) => (parseMode(IpcMode).kind === 'container' ? ALONE : undefined)],
  [
    '--ipc none (HostConfig.IpcMode)',
    ({ IpcMode }) => (IpcMode === 'none' ? 'its /dev/shm is made before the container is known' : undefined),
  ],
  [
    '--network container:NAME (HostConfig.NetworkMode)',
    ({ NetworkMode }) => (parseNetworkMode(NetworkMode).kind === 'container' ? ALONE : undefined),
  ],
  [
    '--cgroupns host (HostConfig.CgroupnsMode)',
    ({ CgroupnsMode }) => (isHost(CgroupnsMode) ? "the host's cgroups are not those of its VM" : undefined),
  ],
];

const IN_A_SHARED_VM: ReadonlyArray<readonly [option: string, reason: Reason]> = [
  [
    '--cgroup-parent (HostConfig.CgroupParent)',
    ({ CgroupParent = '' }) => (CgroupParent === '' ? undefined : 'the VM has one cgroup on the host for all its containers'),
  ],
];

export function refuseForIsolation(host: HostConfig, isolation: Isolation): void {
  if (isolation.kind === 'container') return;
  refuse(host, IN_ANY_VM, 'a container in a VM');
  if (isolation.kind === 'vm') refuse(host, IN_ITS_OWN_VM, 'a container in a VM of its own');
  if (isolation.kind === 'hybrid') refuse(host, IN_A_SHARED_VM, 'a container in a shared VM');
}

function isHost(mode: string | undefined): boolean {
  return parseMode(mode).kind === 'host';
}

function refuse(host: HostConfig, table: ReadonlyArray<readonly [string, Reason]>, whom: string): void {
  for (const [option, reasonOf] of table) {
    const reason = reasonOf(host);
    if (reason !== undefined) throw notPossible(option, whom, reason);
  }
}

export function notPossible(option: string, whom: string, reason: string): AbodeError {
  return invalid(`${option} is not possible for ${whom}: ${reason}`);
}
