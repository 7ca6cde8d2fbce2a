/**
 * The port keeper's client: a process that holds published ports and outlives the daemon (docs/agent-protocol.md). It is begun with the
 * first port, found again by its socket, and begun anew when it was killed.
 */
import type { Socket } from 'node:net';
import { readFile } from 'node:fs/promises';
import { getSystemErrorMessage } from 'node:util';
import { AgentConnection, AgentError } from '../../agent-client/connection.ts';
import { type Fields, FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { withDeadline } from '../../base/deadline.ts';
import { AbodeError, hasErrno } from '../../base/errors.ts';
import { spawnDetached } from '../../base/process.ts';
import { hostText, type PortProtocol, type PortRequest, type Publication, type PublishedPort } from './published-port.ts';

const ANSWER_MS = 10_000;
/** Where Linux looks for a port when nobody says which, unless it is told otherwise. */
const LOCAL_PORTS = { first: 32_768, last: 60_999 };

export class PortKeeper {
  readonly #agentPath: string;
  readonly #socketPath: string;
  readonly #table: string;
  readonly #onLost: () => void;
  #connection: Promise<AgentConnection> | undefined;
  #closing = false;

  /** `table` is the bridge's; `onLost` is called when the keeper was killed: all ports are to be held again. */
  constructor(agentPath: string, socketPath: string, table: string, onLost: () => void) {
    this.#agentPath = agentPath;
    this.#socketPath = socketPath;
    this.#table = table;
    this.#onLost = onLost;
  }

  /** Lets go of all but these owners' ports; gives who of them holds some. Without a keeper that is nobody. */
  async keep(owners: readonly string[]): Promise<Set<string>> {
    const connection = await this.#find();
    if (connection === undefined) return new Set();
    this.#adopt(connection);
    const fields = new FieldsBuilder().addAll(Tag.CONTAINER, owners);
    const kept = await this.#ask(connection, FrameType.PORTS_KEEP, fields);
    return new Set(kept.all(Tag.CONTAINER).map((name) => name.toString('utf8')));
  }

  /** `translated`: whether the kernel translates them too; where it does not, the table was taken away. */
  async hold(owner: string, address: string, requests: readonly PortRequest[]): Promise<{ ports: PublishedPort[]; translated: boolean }> {
    const anywhere = await localPorts();
    const lines = requests.map(({ protocol, containerPort, hostAddresses, range }) => {
      const { first, last } = range ?? anywhere;
      const ports = `${String(first)}-${String(last)}${range === undefined ? '*' : ''}`;
      return `${protocol} ${hostAddresses.join(',')} ${ports} ${address} ${String(containerPort)}`;
    });
    const fields = new FieldsBuilder().add(Tag.CONTAINER, owner).add(Tag.TARGET, this.#table).addAll(Tag.PORT, lines);
    try {
      const held = await this.#ask(await this.#connect(), FrameType.PORTS_OPEN, fields);
      const ports = held.all(Tag.PORT).map((line) => parsePort(line.toString('utf8')));
      return { ports, translated: held.number(Tag.ERRNO) === undefined };
    } catch (error) {
      throw error instanceof AgentError && error.agentCode === 'port' ? refusal(error, requests) : error;
    }
  }

  /** Holds what was held before. */
  holdAgain({ owner, address, ports }: Publication): Promise<{ translated: boolean }> {
    const requests = ports.map(({ protocol, containerPort, hostAddress, hostPort }) => ({
      protocol,
      containerPort,
      hostAddresses: [hostAddress],
      range: { first: hostPort, last: hostPort },
    }));
    return this.hold(owner, address, requests);
  }

  /** The table is there again, and the kernel translates an owner's ports from now on. */
  async translated(owner: string): Promise<void> {
    await this.#ask(await this.#connect(), FrameType.PORTS_TRANSLATED, new FieldsBuilder().add(Tag.CONTAINER, owner));
  }

  /** False when the kernel could not be told: the table was taken away. */
  async letGo(owner: string): Promise<boolean> {
    if (this.#connection === undefined) return false;
    const fields = new FieldsBuilder().add(Tag.CONTAINER, owner).add(Tag.TARGET, this.#table);
    try {
      const answer = await this.#ask(await this.#connection, FrameType.PORTS_CLOSE, fields);
      return answer.number(Tag.ERRNO) === undefined;
    } catch (error) {
      ignoreGone(error);
      return false;
    }
  }

  /** The daemon ends; the keeper goes on while it holds something. */
  async close(idle: boolean): Promise<void> {
    this.#closing = true;
    const connection = await this.#connection?.catch(() => undefined);
    if (connection === undefined || connection.closed) return;
    if (!idle) {
      connection.close();
      return;
    }
    const ended = new Promise<void>((resolve) => {
      connection.once('close', resolve);
    });
    await this.#ask(connection, FrameType.SHUTDOWN, new FieldsBuilder()).catch(ignoreGone);
    await withDeadline(ended, ANSWER_MS, 'the end of the port keeper');
  }

  #ask(connection: AgentConnection, type: FrameType, fields: FieldsBuilder): Promise<Fields> {
    return withDeadline(connection.request(type, fields), ANSWER_MS, "the port keeper's answer");
  }

  #connect(): Promise<AgentConnection> {
    this.#connection ??= this.#findOrBegin();
    return this.#connection;
  }

  async #findOrBegin(): Promise<AgentConnection> {
    try {
      const connection = (await this.#find()) ?? (await this.#begin());
      this.#adopt(connection);
      return connection;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  #adopt(connection: AgentConnection): void {
    this.#connection = Promise.resolve(connection);
    connection.once('close', () => {
      this.#connection = undefined;
      if (!this.#closing) this.#onLost();
    });
  }

  async #find(): Promise<AgentConnection | undefined> {
    try {
      return await AgentConnection.open(this.#socketPath);
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ECONNREFUSED')) return undefined;
      throw error;
    }
  }

  async #begin(): Promise<AgentConnection> {
    const child = spawnDetached(this.#agentPath, ['ports', this.#socketPath], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    const socket = child.stdio[3] as Socket;
    const connection = new AgentConnection(socket);
    child.once('error', () => {
      connection.close();
    });
    socket.unref();
    await withDeadline(connection.hello(), ANSWER_MS, 'the start of the port keeper');
    return connection;
  }
}

async function localPorts(): Promise<{ first: number; last: number }> {
  const text = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number);
  return first > 0 && last >= first && last <= 65_535 ? { first, last } : LOCAL_PORTS;
}

function parsePort(line: string): PublishedPort {
  const [protocol = '', hostAddress = '', hostPort = '', , containerPort = ''] = line.split(' ');
  return { protocol: protocol as PortProtocol, hostAddress, hostPort: Number(hostPort), containerPort: Number(containerPort) };
}

const IN_USE = 98;
const NOT_AVAILABLE = 99;
const NO_PROTOCOL = 93;

/** In Docker's words; the keeper's message names what was refused: "PROTOCOL ADDRESS PORT". */
function refusal(error: AgentError, requests: readonly PortRequest[]): AbodeError {
  const [protocol = '', address = '', port = ''] = error.message.split(' ');
  const where = hostText(address, Number(port));
  const many = requests.some(({ range }) => range === undefined || (range.first === Number(port) && range.last > range.first));
  switch (error.errno) {
    case IN_USE:
      return new AbodeError('internal', many ? 'all ports are allocated' : `Bind for ${where} failed: port is already allocated`);
    case NOT_AVAILABLE: {
      const network = `${protocol}${address.includes(':') ? '6' : '4'}`;
      return new AbodeError('internal', `Error starting userland proxy: listen ${network} ${where}: bind: cannot assign requested address`);
    }
    case NO_PROTOCOL:
      return new AbodeError('internal', 'Error starting userland proxy: protocol not supported');
    default:
      return new AbodeError('internal', `Bind for ${where} failed: ${getSystemErrorMessage(-error.errno)}`);
  }
}

/** A keeper that is gone holds nothing. */
function ignoreGone(error: unknown): void {
  if (error instanceof AbodeError && error.code === 'unavailable') return;
  throw error;
}
