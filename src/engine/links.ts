/** Legacy links: what a container is told of another on the default bridge, when it starts. */
import { AbodeError, invalid, messageOf } from '../base/errors.ts';
import { parsePortKey } from './port-number.ts';
import type { ContainerLink, ContainerRecord } from './record.ts';

/** `name:alias`, `name`, and the form that inspect shows, `/name:/parent/alias`. */
export function parseLink(text: string): { name: string; alias: string } {
  if (text === '') throw invalid('empty string specified for links');
  const [name = '', alias = name, ...more] = text.split(':');
  if (more.length > 0) throw invalid(`bad format for links: ${text}`);
  return name.startsWith('/') ? { name: name.slice(1), alias: alias.split('/').at(-1) ?? '' } : { name, alias };
}

/** The containers that are meant, as they are called now. */
export function resolveLinks(
  links: readonly string[] | null | undefined,
  find: (reference: string) => Pick<ContainerRecord, 'id' | 'name'>,
): ContainerLink[] {
  return (links ?? []).map((text) => {
    const { name, alias } = parseLink(text);
    try {
      const child = find(name);
      return { container: child.id, name: child.name, alias: alias === '' ? child.name : alias };
    } catch (cause) {
      throw new AbodeError('invalid', `could not get container for ${name}: ${messageOf(cause)}`, { cause });
    }
  });
}

/** The containers that a start links to; one that was removed is linked to no more, one that does not run is an error. */
export function linkedContainers(parent: ContainerRecord, find: (id: string) => ContainerRecord | undefined): LinkedContainer[] {
  return (parent.links ?? []).flatMap((link) => {
    const child = find(link.container);
    if (child === undefined) return [];
    if (child.state.status !== 'running' || child.network === undefined)
      throw new AbodeError('internal', `Cannot link to a non running container: /${child.name} AS /${parent.name}/${link.alias}`);
    return [{ alias: link.alias, address: child.network.address, child }];
  });
}

/**
 * Whether a container's address stays its own though it may not run: whoever links to it and runs was told the address once, and in a VM
 * cannot be told another.
 */
export function keepsAddress(id: string, all: readonly ContainerRecord[]): boolean {
  return all.some(
    ({ state, links, ...record }) => state.status === 'running' && (record.id === id || links?.some(({ container }) => container === id)),
  );
}

export interface LinkedContainer {
  readonly alias: string;
  readonly address: string;
  readonly child: Pick<ContainerRecord, 'name' | 'config'>;
}

/** Lines of /etc/hosts: the alias, the host name, the name. */
export function linkHosts(links: readonly LinkedContainer[]): string {
  return links
    .map(({ alias, address, child }) => {
      const names = [alias, child.config.Hostname ?? '', ...(alias === child.name ? [] : [child.name])];
      return `${address}\t${names.filter((name) => name !== '').join(' ')}\n`;
    })
    .join('');
}

export function linkEnvironment(parent: Pick<ContainerRecord, 'name'>, { alias, address, child }: LinkedContainer): string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_');
  const ports = Object.keys(child.config.ExposedPorts ?? {})
    .map(parsePortKey)
    .toSorted((left, right) => left.port - right.port || Number(right.protocol === 'tcp') - Number(left.protocol === 'tcp'));
  const url = ({ port, protocol }: Port): string => `${protocol}://${address}:${String(port)}`;
  const [first] = ports;
  return [
    ...(first === undefined ? [] : [`${prefix}_PORT=${url(first)}`]),
    ...rows(ports).flatMap(([from, to]) => {
      const name = portName(prefix, from);
      return [
        `${name}_START=${url(from)}`,
        `${name}_PORT_START=${String(from.port)}`,
        `${name}_END=${url(to)}`,
        `${name}_PORT_END=${String(to.port)}`,
      ];
    }),
    ...ports.flatMap((port) => {
      const name = portName(prefix, port);
      return [`${name}=${url(port)}`, `${name}_ADDR=${address}`, `${name}_PORT=${String(port.port)}`, `${name}_PROTO=${port.protocol}`];
    }),
    `${prefix}_NAME=/${parent.name}/${alias}`,
    ...(child.config.Env ?? []).filter((entry) => !/^(HOME|PATH)=/.test(entry)).map((entry) => `${prefix}_ENV_${entry}`),
  ];
}

type Port = ReturnType<typeof parsePortKey>;

function portName(prefix: string, { port, protocol }: Port): string {
  return `${prefix}_PORT_${String(port)}_${protocol.toUpperCase()}`;
}

/** Three and more numbers in a row, whatever their protocols: so Docker counts. */
function rows(ports: readonly Port[]): Array<readonly [Port, Port]> {
  const found: Array<readonly [Port, Port]> = [];
  for (let start = 0; start < ports.length;) {
    let end = start;
    let number = ports[start]?.port ?? 0;
    while (end + 1 < ports.length && (ports[end + 1]?.port ?? 0) <= number + 1) {
      end += 1;
      number += 1;
    }
    const [from, to] = [ports[start], ports[end]];
    const long = end > start + 1;
    if (long && from !== undefined && to !== undefined) found.push([from, to]);
    start = long ? end + 1 : start + 1;
  }
  return found;
}
