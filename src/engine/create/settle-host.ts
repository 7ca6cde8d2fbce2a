/** Everything that Docker looks at in a HostConfig before a container is made, and what becomes of it in its isolation. */
import { invalid } from '../../base/errors.ts';
import { GUEST_FEATURES, hostFeatures, type LimitFeatures, vmFeatures } from '../../sandbox/host-features.ts';
import { parseDeviceRule } from '../../sandbox/oci/resources.ts';
import { cgroupVersion } from '../../sandbox/cgroup.ts';
import type { ContainerConfig, ContainerRecord, HostConfig, Isolation } from '../record.ts';
import { checkModes } from './check-modes.ts';
import { type Settled, settleResources } from './check-resources.ts';
import { parseMode, parseNetworkMode } from './modes.ts';
import { refuseForIsolation } from './refuse-for-isolation.ts';

/** What is there already; undefined: nobody has this name. */
export interface Known {
  readonly container: (reference: string) => ContainerRecord | undefined;
  readonly vmCpus: (vm: string) => number | undefined;
}

export async function settleHost(config: ContainerConfig, host: HostConfig, isolation: Isolation, known: Known): Promise<Settled> {
  checkModes(config, host);
  refuseForIsolation(host, isolation);
  checkDevices(host);
  const { host: settled, warnings: discarded } = settleResources(host, await featuresOf(isolation, known.vmCpus));
  const isOnHost = parseNetworkMode(host.NetworkMode).kind === 'host';
  const warnings =
    isOnHost && Object.keys(host.PortBindings ?? {}).length > 0
      ? [...discarded, 'Published ports are discarded when using host network mode']
      : discarded;
  return { host: { ...settled, ...nameContainers(settled, known.container), ...(await defaultModes(settled, isolation)) }, warnings };
}

/** Names may change hands, ids do not. */
function nameContainers(host: HostConfig, find: (reference: string) => ContainerRecord | undefined): HostConfig {
  const named = (text: string | undefined, mode: ReturnType<typeof parseMode>): string | undefined => {
    if (mode.kind !== 'container') return text;
    const found = find(mode.reference);
    return found === undefined ? undefined : `container:${found.id}`;
  };
  const known = (field: 'PidMode' | 'IpcMode'): HostConfig => {
    const text = host[field];
    if (text === undefined) return {};
    const mode = parseMode(text);
    const name = named(text, mode);
    if (name === undefined && mode.kind === 'container') throw invalid(`No such container: ${mode.reference}`);
    return { [field]: name };
  };
  const network = named(host.NetworkMode, parseNetworkMode(host.NetworkMode)) ?? host.NetworkMode;
  return { ...known('PidMode'), ...known('IpcMode'), ...(network === undefined ? {} : { NetworkMode: network }) };
}

async function defaultModes(host: HostConfig, isolation: Isolation): Promise<HostConfig> {
  const { CgroupnsMode = '', IpcMode = '' } = host;
  const version = isolation.kind === 'container' ? await cgroupVersion() : '2';
  const isOwn = isolation.kind === 'vm' || (version === '2' && host.Privileged !== true);
  return {
    CgroupnsMode: CgroupnsMode === '' ? (isOwn ? 'private' : 'host') : CgroupnsMode,
    ...(IpcMode === '' ? { IpcMode: 'private' } : {}),
  };
}

async function featuresOf(isolation: Isolation, vmCpus: Known['vmCpus']): Promise<LimitFeatures> {
  switch (isolation.kind) {
    case 'container':
      return hostFeatures();
    case 'vm':
      return vmFeatures(await hostFeatures());
    case 'hybrid': {
      // One that is made for this container has what it is given then.
      const cpus = vmCpus(isolation.vm);
      return cpus === undefined ? GUEST_FEATURES : { ...GUEST_FEATURES, cpus: cpus === 1 ? '0' : `0-${String(cpus - 1)}` };
    }
  }
}

function checkDevices({ Devices, DeviceCgroupRules }: HostConfig): void {
  for (const { CgroupPermissions } of Devices ?? []) {
    const access = CgroupPermissions ?? '';
    if (!/^[rwm]{0,3}$/.test(access)) throw invalid(`invalid device mode: ${access}: only 'r', 'w' and 'm' are allowed`);
  }
  for (const rule of DeviceCgroupRules ?? []) parseDeviceRule(rule);
}
