/** From a container's configuration to the ports that are published for it: pure functions. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import type { ImageConfig } from '../images/api.ts';
import type { PortRequest, Publication } from '../network/ports/published-port.ts';
import { parsePortKey, parseRange, portKey } from './port-number.ts';
import type { ContainerConfig, ContainerRecord, HostConfig, PortBinding } from './record.ts';

const EVERYWHERE = ['0.0.0.0', '::'];

/** What Docker refuses at create, before anything is made. */
export function checkPorts(config: ContainerConfig, host: HostConfig): void {
  for (const key of Object.keys(config.ExposedPorts ?? {})) parsePortKey(key);
  for (const [key, bindings] of Object.entries(host.PortBindings ?? {})) {
    parsePortKey(key);
    for (const { HostIp, HostPort } of bindings ?? []) {
      parseRange(HostPort ?? '');
      if (HostIp !== undefined && HostIp !== null && HostIp !== '' && isIP(HostIp) === 0)
        throw invalid(`invalid host IP address: "${HostIp}"`);
    }
  }
}

/** The request's ports, the image's, and those that are published without having been exposed; each as `80/tcp`. */
export function exposedPorts(config: ContainerConfig, host: HostConfig, image: ImageConfig): Record<string, object> | null {
  const own = [...Object.keys(config.ExposedPorts ?? {}), ...Object.keys(host.PortBindings ?? {})].map((key) => {
    const { port, protocol } = parsePortKey(key);
    return portKey(port, protocol);
  });
  const keys = new Set([...own, ...Object.keys(image.ExposedPorts ?? {}).flatMap(imagePorts)]);
  return keys.size === 0 ? null : Object.fromEntries([...keys].toSorted(byPort).map((key) => [key, {}]));
}

/** Those with the fewest choices first, so that a range does not take what another binding names. */
export function portRequests({ config, host }: Pick<ContainerRecord, 'config' | 'host'>): PortRequest[] {
  const bound = Object.entries(host.PortBindings ?? {}).flatMap(([key, bindings]) =>
    (bindings ?? []).map((binding) => request(key, binding)),
  );
  const published = new Set(bound.map(({ containerPort, protocol }) => portKey(containerPort, protocol)));
  const rest = host.PublishAllPorts === true ? Object.keys(config.ExposedPorts ?? {}).filter((key) => !published.has(key)) : [];
  return [...bound, ...rest.map((key) => request(key, {}))].toSorted((left, right) => choices(left) - choices(right));
}

/** What is asked for and cannot be, though the container can. */
export function portWarnings({ NetworkMode, PortBindings, PublishAllPorts }: HostConfig): string[] {
  const asked = PublishAllPorts === true || Object.keys(PortBindings ?? {}).length > 0;
  return asked && NetworkMode === 'none' ? ['Published ports are discarded when using none network mode'] : [];
}

/** What containers that run have published. */
export function publications(records: readonly ContainerRecord[]): Publication[] {
  return records.flatMap(({ id, state, network }) =>
    state.status !== 'running' || network?.ports === undefined || network.ports.length === 0
      ? []
      : [{ owner: id, address: network.address, ports: network.ports }],
  );
}

function request(key: string, { HostIp, HostPort }: PortBinding): PortRequest {
  const { port, protocol } = parsePortKey(key);
  const range = parseRange(HostPort ?? '');
  const hostAddresses = HostIp === undefined || HostIp === null || HostIp === '' ? EVERYWHERE : [HostIp];
  // Port 0 is any port.
  return { protocol, containerPort: port, hostAddresses, ...(range === undefined || range.first === 0 ? {} : { range }) };
}

function choices({ range }: PortRequest): number {
  return range === undefined ? Infinity : range.last - range.first;
}

/** An image may name what no engine understands: it was built elsewhere, and is run all the same. */
function imagePorts(key: string): string[] {
  try {
    const { port, protocol } = parsePortKey(key);
    return [portKey(port, protocol)];
  } catch {
    return [];
  }
}

function byPort(left: string, right: string): number {
  return Number.parseInt(left, 10) - Number.parseInt(right, 10) || left.localeCompare(right);
}
