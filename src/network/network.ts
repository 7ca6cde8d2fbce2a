/** The default network: one bridge for containers and VMs alike, and the addresses on it. */
import { AbodeError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../state/database.ts';
import { formatIpv4, gatewayOf, macOf, nextFree, overlaps, parseIpv4, parseSubnet, type Subnet } from './addresses.ts';
import { type Bridge, ensureBridge, removeBridge, subnetText } from './bridge.ts';
import { DockerWatch } from './docker-watch.ts';
import { installRules, removeRules } from './firewall.ts';
import { outgoingMtu, routedSubnets } from './host-network.ts';
import { type Held, Ports, type PortsOptions } from './ports/ports.ts';
import type { PortRequest, Publication } from './ports/published-port.ts';

export interface Lease {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
}

const NETWORK = 'bridge';

/** Candidates for the bridge's subnet: the first that the host does not use already. */
const CANDIDATES = [
  ...Array.from({ length: 13 }, (_, index) => `172.${String(index + 19)}.0.0/16`),
  ...Array.from({ length: 64 }, (_, index) => `10.${String(index + 190)}.0.0/16`),
];

export class Network {
  readonly #database: Database;
  readonly #bridge: Bridge;
  readonly #watch: DockerWatch;
  readonly #ports: Ports;

  private constructor(database: Database, bridge: Bridge, log: Log, ports: PortsOptions) {
    this.#database = database;
    this.#bridge = bridge;
    this.#watch = new DockerWatch(bridge.name, log);
    this.#ports = new Ports(bridge, ports);
  }

  /**
   * Brings the bridge and its rules up as the database says, or chooses and records them the first time. `published` are the ports of
   * containers that a former daemon left running: they are reachable all the while.
   */
  static async open(
    database: Database,
    bridgeName: string,
    log: Log,
    { published, ...ports }: Omit<PortsOptions, 'log'> & { readonly published: readonly Publication[] },
  ): Promise<Network> {
    const mtu = await outgoingMtu();
    const bridge = { name: bridgeName, subnet: await chooseSubnet(database, bridgeName), mtu };
    await ensureBridge(bridge);
    await installRules(bridge, published);
    const network = new Network(database, bridge, log, { ...ports, log });
    await network.#ports.adopt(published);
    network.#watch.start();
    return network;
  }

  get bridge(): string {
    return this.#bridge.name;
  }

  get mtu(): number {
    return this.#bridge.mtu;
  }

  get subnet(): string {
    return subnetText(this.#bridge.subnet);
  }

  get gateway(): string {
    return formatIpv4(gatewayOf(this.#bridge.subnet));
  }

  /** Takes an address for its owner; the same again when it has one. */
  lease(owner: string): Lease {
    const { subnet } = this.#bridge;
    const address = this.#database.transaction(() => {
      const held = this.#database.get('SELECT address FROM address WHERE network = ? AND owner = ?', NETWORK, owner);
      if (held !== undefined) return parseIpv4(String(held['address']));
      const taken = new Set(
        this.#database.all('SELECT address FROM address WHERE network = ?', NETWORK).map((row) => parseIpv4(String(row['address']))),
      );
      const last = Number(this.#database.get("SELECT value FROM counter WHERE name = 'address'")?.['value'] ?? 0);
      const free = nextFree(subnet, last, taken);
      if (free === undefined)
        throw new AbodeError('internal', `no available IPv4 addresses on this network's address pools: ${NETWORK} (${subnetText(subnet)})`);
      this.#database.run('INSERT INTO address (network, address, owner) VALUES (?, ?, ?)', NETWORK, formatIpv4(free), owner);
      this.#database.run(
        "INSERT INTO counter (name, value) VALUES ('address', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        free,
      );
      return free;
    });
    return { address: formatIpv4(address), prefixLength: subnet.prefixLength, gateway: this.gateway, mac: macOf(address) };
  }

  release(owner: string): void {
    this.#database.run('DELETE FROM address WHERE owner = ?', owner);
  }

  /** Ports of the host lead to an address from now on. */
  publish(owner: string, address: string, requests: readonly PortRequest[]): Promise<Held> {
    return this.#ports.publish(owner, address, requests);
  }

  withdraw(owner: string): Promise<void> {
    return this.#ports.withdraw(owner);
  }

  owners(): string[] {
    return this.#database.all('SELECT DISTINCT owner FROM address').map((row) => String(row['owner']));
  }

  /** Stops watching; with `remove`, which is for when nothing lives on it, the bridge and its rules go too. */
  async close(remove: boolean): Promise<void> {
    this.#watch.stop();
    await this.#ports.close();
    if (!remove) return;
    await removeRules(this.#bridge.name);
    await removeBridge(this.#bridge.name);
  }
}

async function chooseSubnet(database: Database, bridge: string): Promise<Subnet> {
  const name = `subnet:${bridge}`;
  const known = database.get('SELECT value FROM setting WHERE name = ?', name);
  if (known !== undefined) return parseSubnet(String(known['value']));
  const used = await routedSubnets();
  const text = CANDIDATES.find((candidate) => !used.some((subnet) => overlaps(subnet, parseSubnet(candidate))));
  if (text === undefined) throw new AbodeError('unavailable', 'no private IPv4 range is free on this host for the default bridge');
  database.run('INSERT INTO setting (name, value) VALUES (?, ?)', name, text);
  return parseSubnet(text);
}
