/** Modes that are none, and options that exclude each other, as Docker finds them. */
import { invalid } from '../../base/errors.ts';
import type { ContainerConfig, HostConfig } from '../record.ts';
import { parseMode, parseNetworkMode } from './modes.ts';

export function checkModes(config: ContainerConfig, host: HostConfig): void {
  checkKnown(host);
  checkUts(config, host);
  checkNetwork(config, host);
  checkSysctls(host);
  const isolation = host.Isolation ?? '';
  if (!['', 'default'].includes(isolation.toLowerCase()))
    throw invalid(`Invalid isolation: "${isolation}" - linux only supports 'default'`);
  checkWindows(host);
  checkStorage(host);
}

function checkKnown(host: HostConfig): void {
  const { PidMode = '', IpcMode = '', UTSMode = '', CgroupnsMode = '', UsernsMode = '' } = host;
  const pid = parseMode(PidMode);
  if (pid.kind === 'named' || PidMode === 'private' || isNameless(pid)) throw invalid(`invalid PID mode: ${PidMode}`);
  const ipc = parseMode(IpcMode);
  if ((ipc.kind === 'named' && !['shareable', 'none'].includes(ipc.name)) || isNameless(ipc)) throw invalid(`invalid IPC mode: ${IpcMode}`);
  if (!['', 'host'].includes(UTSMode)) throw invalid(`invalid UTS mode: ${UTSMode}`);
  if (!['', 'host', 'private'].includes(CgroupnsMode)) throw invalid(`invalid cgroup namespace mode: ${CgroupnsMode}`);
  if (!['', 'host'].includes(UsernsMode)) throw invalid(`invalid user namespace mode: ${UsernsMode}`);
  if (isNameless(parseNetworkMode(host.NetworkMode))) throw invalid('Invalid network mode: invalid container format container:<name|id>');
}

function isNameless(mode: ReturnType<typeof parseMode>): boolean {
  return mode.kind === 'container' && mode.reference === '';
}

function checkUts({ Hostname = '', Domainname = '' }: ContainerConfig, { UTSMode }: HostConfig): void {
  if (UTSMode !== 'host') return;
  if (Hostname !== '') throw invalid('conflicting options: hostname and the UTS mode');
  if (Domainname !== '') throw invalid('conflicting options: domainname and the UTS mode');
}

function checkNetwork({ Hostname = '', MacAddress = '', ExposedPorts }: ContainerConfig, host: HostConfig): void {
  const { kind } = parseNetworkMode(host.NetworkMode);
  const undefinedBehaviour = "networking can't be used with links. This would result in undefined behavior";
  if (kind === 'host' && (host.Links ?? []).length > 0) throw invalid(`conflicting options: host type ${undefinedBehaviour}`);
  if (kind !== 'container') return;
  if ((host.Links ?? []).length > 0)
    throw invalid(`conflicting options: container type network ${undefinedBehaviour.slice('networking '.length)}`);
  if (Hostname !== '') throw invalid('conflicting options: hostname and the network mode');
  if ((host.Dns ?? []).length > 0) throw invalid('conflicting options: dns and the network mode');
  if (MacAddress !== '') throw invalid('conflicting options: mac-address and the network mode');
  if (Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts === true)
    throw invalid('conflicting options: port publishing and the container type network mode');
  if (Object.keys(ExposedPorts ?? {}).length > 0) throw invalid('conflicting options: port exposing and the container type network mode');
  if ((host.ExtraHosts ?? []).length > 0) throw invalid('conflicting options: custom host-to-IP mapping and the network mode');
}

/** A kernel setting that is not the container's own would be the host's: a runtime may set it without asking. */
function checkSysctls(host: HostConfig): void {
  for (const name of Object.keys(host.Sysctls ?? {})) {
    if (name.startsWith('net.')) {
      if (parseNetworkMode(host.NetworkMode).kind === 'host') throw invalid(`sysctl "${name}" not allowed in host network namespace`);
    } else if (OF_IPC.includes(name) || name.startsWith('fs.mqueue.')) {
      if (parseMode(host.IpcMode).kind === 'host') throw invalid(`sysctl "${name}" is not allowed in the hosts ipc namespace`);
    } else throw invalid(`sysctl "${name}" is not in a separate kernel namespace`);
  }
}

const OF_IPC = [
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
];

function checkWindows({ CpuCount = 0, CpuPercent = 0, IOMaximumIOps = 0, IOMaximumBandwidth = 0 }: HostConfig): void {
  if (IOMaximumBandwidth > 0) throw invalid('Invalid QoS settings: linux does not support configuration of maximum bandwidth');
  if (IOMaximumIOps > 0) throw invalid('Invalid QoS settings: linux does not support configuration of maximum IOPs');
  if (CpuCount > 0) throw invalid('Invalid CPU settings: linux does not support configuration of a CPU count: use --cpus');
  if (CpuPercent > 0) throw invalid('Invalid CPU settings: linux does not support configuration of a CPU percentage: use --cpus');
}

function checkStorage({ StorageOpt }: HostConfig): void {
  const [option] = Object.keys(StorageOpt ?? {});
  if (option === undefined) return;
  if (option.toLowerCase() !== 'size') throw invalid(`Unknown option ${option}`);
  throw invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option, which Abode does not manage");
}
