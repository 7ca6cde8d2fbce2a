/**
 * Fields that Docker honours and Abode does not yet. Where leaving one out would give a container that does something else
 * than was asked for, the request is refused; where it only tunes, the answer has a warning, as Docker's has.
 */
import type { AbodeError } from '../../base/errors.ts';
import { notAvailable } from '../unsupported.ts';
import type { CreateBody, UnreadFields } from './create-schema.ts';

const REFUSED_HOST: Readonly<Record<string, string>> = {
  Binds: 'mounting host directories and volumes (HostConfig.Binds)',
  Mounts: 'mounting host directories and volumes (HostConfig.Mounts)',
  VolumesFrom: 'sharing volumes (HostConfig.VolumesFrom)',
  Devices: 'passing devices (HostConfig.Devices)',
  DeviceRequests: 'passing devices (HostConfig.DeviceRequests)',
  DeviceCgroupRules: 'device rules (HostConfig.DeviceCgroupRules)',
  PidMode: 'sharing a PID namespace (HostConfig.PidMode)',
  UTSMode: 'sharing a UTS namespace (HostConfig.UTSMode)',
  CgroupParent: 'a cgroup parent (HostConfig.CgroupParent)',
  StorageOpt: 'storage options (HostConfig.StorageOpt)',
};
const REFUSED_CONFIG: Readonly<Record<string, string>> = {
  Volumes: 'volumes (Config.Volumes)',
  NetworkDisabled: 'Config.NetworkDisabled (use HostConfig.NetworkMode "none")',
};
const REFUSED_ENDPOINT: Readonly<Record<string, string>> = {
  IPAMConfig: 'choosing an address (EndpointsConfig.IPAMConfig)',
  Links: 'linking containers (EndpointsConfig.Links)',
};
const DISCARDED_HOST: readonly string[] = [
  'BlkioWeight',
  'BlkioWeightDevice',
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'CpusetMems',
  'KernelMemory',
  'KernelMemoryTCP',
  'MemoryReservation',
  'MemorySwappiness',
  'OomKillDisable',
];
const PRIVATE_IPC = ['private', 'shareable'];

export function refuseUnread(body: CreateBody): void {
  refuse(body, REFUSED_CONFIG);
  const host: UnreadFields = body.HostConfig ?? {};
  refuse(host, REFUSED_HOST);
  if (given(host['IpcMode']) && !PRIVATE_IPC.includes(String(host['IpcMode'])))
    throw missing('sharing an IPC namespace (HostConfig.IpcMode)');
  if (host['UsernsMode'] !== 'host' && given(host['UsernsMode'])) throw missing('user namespaces (HostConfig.UsernsMode)');
  const test = body['Healthcheck'] instanceof Object && 'Test' in body['Healthcheck'] ? body['Healthcheck'].Test : undefined;
  if (Array.isArray(test) && test.length > 0 && test[0] !== 'NONE') throw missing('health checks (Config.Healthcheck)');
  for (const endpoint of Object.values(body.NetworkingConfig?.EndpointsConfig ?? {})) refuse(endpoint ?? {}, REFUSED_ENDPOINT);
}

export function warnUnread(body: CreateBody): string[] {
  const host: UnreadFields = body.HostConfig ?? {};
  return DISCARDED_HOST.filter((field) => given(host[field])).map((field) => `${field} is not available in this version. It is discarded.`);
}

function refuse(fields: UnreadFields, refused: Readonly<Record<string, string>>): void {
  for (const [field, what] of Object.entries(refused)) {
    if (given(fields[field])) throw missing(what);
  }
}

function missing(what: string): AbodeError {
  return notAvailable(what);
}

/** Anything but what clients send for "not set". */
function given(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false || value === 0 || value === -1) return false;
  if (Array.isArray(value)) return value.length > 0;
  return (
    typeof value !== 'object' || Object.values(value).some((entry) => given(entry) || (entry instanceof Object && !Array.isArray(entry)))
  );
}
