/** A container's ports as Docker shows them: those that are exposed, and where on the host they are. */
import type { ContainerRecord, HostConfig } from '../../engine/record.ts';

type Binding = { readonly HostIp: string; readonly HostPort: string };

/** `NetworkSettings.Ports`: while it runs, and on a network. */
export function describePorts({ config, network, state }: ContainerRecord): Record<string, Binding[] | null> {
  if (network === undefined || state.status !== 'running') return {};
  const ports: Record<string, Binding[] | null> = Object.fromEntries(Object.keys(config.ExposedPorts ?? {}).map((key) => [key, null]));
  for (const { protocol, containerPort, hostAddress, hostPort } of network.ports ?? []) {
    const key = `${String(containerPort)}/${protocol}`;
    ports[key] = [...(ports[key] ?? []), { HostIp: hostAddress, HostPort: String(hostPort) }].toSorted(byNumber);
  }
  return ports;
}

/** `Ports` in a list of containers. */
export function summarisePorts(record: ContainerRecord): object[] {
  return Object.entries(describePorts(record)).flatMap(([key, bindings]): object[] => {
    const [port, type] = key.split('/');
    const inside = { PrivatePort: Number(port), Type: type };
    if (bindings === null) return [inside];
    return bindings.map(({ HostIp, HostPort }) => ({ IP: HostIp, ...inside, PublicPort: Number(HostPort) }));
  });
}

/** `HostConfig.PortBindings` as it was asked for. */
export function describeBindings({ PortBindings }: HostConfig): object | null {
  if (PortBindings === undefined) return null;
  return Object.fromEntries(
    Object.entries(PortBindings ?? {}).map(([key, bindings]) => [
      key,
      bindings?.map(({ HostIp, HostPort }) => ({ HostIp: HostIp ?? '', HostPort: HostPort ?? '' })) ?? null,
    ]),
  );
}

/** The largest first, as Docker has it; of the same number IPv4 first. */
function byNumber(left: Binding, right: Binding): number {
  return Number(right.HostPort) - Number(left.HostPort) || Number(left.HostIp.includes(':')) - Number(right.HostIp.includes(':'));
}
