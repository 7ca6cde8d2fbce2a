/** The networks that are always there: the default bridge, and none. */
import { networkInterfaces } from 'node:os';
import type { Config } from '../../config/config.ts';
import type { ContainerEngine } from '../../engine/api.ts';
import type { ContainerRecord } from '../../engine/record.ts';
import { endpointId } from '../../engine/endpoint-id.ts';
import { networkId } from './identity.ts';

export interface BuiltinNetwork {
  readonly Name: string;
  readonly Id: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly [field: string]: unknown;
}

interface Subnet {
  readonly Subnet: string;
  readonly Gateway: string;
}

export function listNetworks(config: Config, engine: ContainerEngine, members: boolean): BuiltinNetwork[] {
  const containers = engine.list({ all: false, filters: {} });
  const subnet = findSubnet(config, containers);
  return [
    describeNetwork(
      config,
      'bridge',
      'bridge',
      subnet === undefined ? [] : [subnet],
      bridgeOptions(config),
      members ? describeMembers(containers) : {},
    ),
    describeNetwork(config, 'none', 'null', [], {}, {}),
  ];
}

function describeNetwork(
  config: Config,
  name: string,
  driver: string,
  subnets: Subnet[],
  options: object,
  containers: object,
): BuiltinNetwork {
  return {
    Name: name,
    Id: networkId(config, name),
    Created: '0001-01-01T00:00:00Z',
    Scope: 'local',
    Driver: driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: subnets },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: containers,
    Options: options,
    Labels: {},
  };
}

function bridgeOptions(config: Config): object {
  return {
    'com.docker.network.bridge.default_bridge': 'true',
    'com.docker.network.bridge.name': config.bridge,
  };
}

function describeMembers(containers: readonly ContainerRecord[]): object {
  return Object.fromEntries(
    containers.flatMap(({ id, name, network }) =>
      network === undefined
        ? []
        : [
            [
              id,
              {
                Name: name,
                EndpointID: endpointId(id, network.network),
                MacAddress: network.mac,
                IPv4Address: `${network.address}/${String(network.prefixLength)}`,
                IPv6Address: '',
              },
            ],
          ],
    ),
  );
}

/** From a container that is on the bridge, or from the bridge's own address; unknown while there is neither. */
function findSubnet(config: Config, containers: readonly ContainerRecord[]): Subnet | undefined {
  const member = containers.find(({ network }) => network !== undefined)?.network;
  if (member !== undefined) return { Subnet: subnetOf(member.address, member.prefixLength), Gateway: member.gateway };
  const own = networkInterfaces()[config.bridge]?.find(({ family }) => family === 'IPv4');
  const prefix = Number(own?.cidr?.split('/')[1]);
  return own === undefined || Number.isNaN(prefix) ? undefined : { Subnet: subnetOf(own.address, prefix), Gateway: own.address };
}

export function subnetOf(address: string, prefixLength: number): string {
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - prefixLength);
  const base = Math.floor(number / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(base / 2 ** shift) % 256).join('.')}/${String(prefixLength)}`;
}
