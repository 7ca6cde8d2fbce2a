/** A container's place on its network as Docker shows it. */
import type { Config } from '../../config/config.ts';
import type { ContainerRecord } from '../../engine/record.ts';
import { endpointId } from '../../engine/endpoint-id.ts';
import { networkId } from '../networks/identity.ts';
import { describePorts } from './ports.ts';

/** `default` is another name of `bridge`. */
export function networkMode({ host }: ContainerRecord): string {
  const mode = host.NetworkMode ?? '';
  return mode === '' || mode === 'default' ? 'bridge' : mode;
}

export function describeEndpoints(record: ContainerRecord, config: Config): Record<string, object> {
  const name = record.network?.network ?? networkMode(record);
  const { network } = record;
  return {
    [name]: {
      IPAMConfig: null,
      Links: null,
      Aliases: null,
      // One that was asked for is told before the start too.
      MacAddress: network?.mac ?? record.config.MacAddress ?? '',
      DriverOpts: null,
      GwPriority: 0,
      NetworkID: network === undefined && record.state.status !== 'running' ? '' : networkId(config, name),
      EndpointID: network === undefined ? '' : endpointId(record.id, name),
      Gateway: network?.gateway ?? '',
      IPAddress: network?.address ?? '',
      IPPrefixLen: network?.prefixLength ?? 0,
      IPv6Gateway: '',
      GlobalIPv6Address: '',
      GlobalIPv6PrefixLen: 0,
      DNSNames: null,
    },
  };
}

export function describeNetworkSettings(record: ContainerRecord, config: Config): object {
  const { network } = record;
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: '',
    Ports: describePorts(record),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: network === undefined ? '' : endpointId(record.id, network.network),
    Gateway: network?.gateway ?? '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: network?.address ?? '',
    IPPrefixLen: network?.prefixLength ?? 0,
    IPv6Gateway: '',
    MacAddress: network?.mac ?? '',
    Networks: describeEndpoints(record, config),
  };
}
