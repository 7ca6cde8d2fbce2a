/** The port keeper alone: what it holds, what it relays, when it ends. The "container" is a server of this process. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentConnection, AgentError } from '../../src/agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType } from '../../src/agent-client/frame.ts';
import { run, spawnDetached } from '../../src/base/process.ts';
import { parseSubnet } from '../../src/network/addresses.ts';
import { ruleset } from '../../src/network/firewall.ts';
import { PATIENCE_MS } from './exit.ts';
import { agentPath } from './shim-fixture.ts';

const OPTIONS = { timeout: 3 * PATIENCE_MS };
const EADDRINUSE = 98;
const EADDRNOTAVAIL = 99;

class Keeper implements AsyncDisposable {
  readonly directory: string;
  readonly connection: AgentConnection;
  readonly process: ChildProcess;

  private constructor(directory: string, process: ChildProcess, connection: AgentConnection) {
    this.directory = directory;
    this.process = process;
    this.connection = connection;
  }

  /** `within`: a command that becomes it. */
  static async start(...within: readonly string[]): Promise<Keeper> {
    const directory = await mkdtemp(join(tmpdir(), 'abode-ports-'));
    const [command, ...args] = [...within, agentPath, 'ports', join(directory, 'ports.sock')];
    const child = spawnDetached(command, args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
    const connection = new AgentConnection(child.stdio[3] as Socket);
    await connection.hello();
    return new Keeper(directory, child, connection);
  }

  get socket(): string {
    return join(this.directory, 'ports.sock');
  }

  /** Gives the lines of what is held. */
  async open(owner: string, ...lines: readonly string[]): Promise<string[]> {
    const fields = new FieldsBuilder().add(Tag.CONTAINER, owner).addAll(Tag.PORT, lines);
    return (await this.connection.request(FrameType.PORTS_OPEN, fields)).all(Tag.PORT).map(String);
  }

  async close(owner: string): Promise<void> {
    await this.connection.request(FrameType.PORTS_CLOSE, new FieldsBuilder().add(Tag.CONTAINER, owner));
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  async end(): Promise<void> {
    if (!this.ended) await once(this.process, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.close();
    if (!this.ended) this.process.kill('SIGKILL');
    await this.end();
    await rm(this.directory, { recursive: true });
  }
}

/** A number that nobody has in either protocol. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

async function target(onConnection: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: portOf(server), server };
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('bytes go both ways, each end for itself, over IPv4 and IPv6', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  // Answers only when its client is done: the half that is closed must arrive, the other stay open.
  const { port, server } = await target((socket) => {
    void readAll(socket).then((data) => socket.end(createHash('sha256').update(data).digest('hex')));
  });
  const held = await keeper.open('a', `tcp 127.0.0.1,::1 ${String(await freePort())}-65535 127.0.0.1 ${String(port)}`);
  assert.equal(held.length, 2);
  const data = randomBytes(20 << 20);
  for (const line of held) {
    const [, host = '', number = ''] = line.split(' ');
    const client = connect({ host, port: Number(number), allowHalfOpen: true });
    client.end(data);
    assert.equal((await readAll(client)).toString(), createHash('sha256').update(data).digest('hex'), line);
  }
  server.close();
});

test('a reader that stops holds up its own connection and no other', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const { port, server } = await target((socket) => socket.end(Buffer.alloc(50 << 20, 'x')));
  const number = await freePort();
  await keeper.open('a', `tcp 127.0.0.1 ${String(number)}-${String(number)} 127.0.0.1 ${String(port)}`);
  const slow = connect({ host: '127.0.0.1', port: number });
  slow.pause();
  await once(slow, 'connect');
  for (let round = 0; round < 3; round += 1) assert.equal((await readAll(connect({ host: '127.0.0.1', port: number }))).length, 50 << 20);
  assert.equal((await readAll(slow)).length, 50 << 20);
  server.close();
});

test('a container that refuses is a connection that is reset', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const number = await freePort();
  await keeper.open('a', `tcp 127.0.0.1 ${String(number)}-${String(number)} 127.0.0.1 ${String(await freePort())}`);
  const client = connect({ host: '127.0.0.1', port: number });
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNRESET');
});

test('all ports or none, and the one that was refused is named', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const [first, taken] = [await freePort(), await freePort()];
  const stranger = createServer().listen(taken, '127.0.0.1');
  await once(stranger, 'listening');
  const both = [first, taken].map((port) => `tcp 0.0.0.0 ${String(port)}-${String(port)} 127.0.0.1 9`);
  const refused = await keeper.open('a', ...both).catch((error: unknown) => error);
  assert.ok(refused instanceof AgentError, String(refused));
  assert.deepEqual([refused.agentCode, refused.errno, refused.message], ['port', EADDRINUSE, `tcp 0.0.0.0 ${String(taken)}`]);
  const elsewhere = await keeper.open('a', 'tcp 203.0.113.9 80-80 127.0.0.1 9').catch((error: unknown) => error);
  assert.ok(elsewhere instanceof AgentError && elsewhere.errno === EADDRNOTAVAIL, String(elsewhere));
  stranger.close();
  await once(stranger, 'close');
  assert.equal((await keeper.open('a', ...both)).length, 2, 'the first was free again');
  const other = await keeper.open('b', both[0] ?? '').catch((error: unknown) => error);
  assert.ok(other instanceof AgentError && other.errno === EADDRINUSE, 'held by another owner');
  await keeper.close('a');
  assert.equal((await keeper.open('b', both[0] ?? '')).length, 1);
});

test('a range gives its first free number, and what is free anywhere goes round', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const first = await freePort();
  const range = `tcp 127.0.0.1 ${String(first)}-65535 127.0.0.1 9`;
  const numbers = (await keeper.open('a', range, range)).map((line) => Number(line.split(' ')[2]));
  assert.ok(numbers.includes(first) && new Set(numbers).size === 2, String(numbers));
  const anywhere = 'tcp 127.0.0.1,::1 40000-40900* 127.0.0.1 9';
  const seen: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const held = (await keeper.open('b', anywhere)).map((line) => Number(line.split(' ')[2]));
    assert.equal(new Set(held).size, 1, 'the same number on both addresses');
    seen.push(held[0] ?? 0);
    await keeper.close('b');
  }
  assert.equal(new Set(seen).size, 5, `not one of them twice in a row: ${String(seen)}`);
});

test('what is no port is refused, and what is held stays', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const number = await freePort();
  const line = `tcp 127.0.0.1 ${String(number)}-${String(number)} 127.0.0.1 9`;
  await keeper.open('a', line);
  for (const wrong of [
    '',
    'tcp',
    'what 127.0.0.1 80-80 127.0.0.1 9',
    'tcp 127.0.0.x 80-80 127.0.0.1 9',
    'tcp 127.0.0.1 80-79 127.0.0.1 9',
    'tcp 127.0.0.1 0-80 127.0.0.1 9',
    'tcp 127.0.0.1 80-65536 127.0.0.1 9',
    'tcp 127.0.0.1 80-80 nowhere 9',
    'tcp 127.0.0.1 80-80 127.0.0.1 0',
    'tcp 127.0.0.1,::1,::2 80-80 127.0.0.1 9',
    `tcp ${'1'.repeat(5000)} 80-80 127.0.0.1 9`,
  ])
    await assert.rejects(keeper.open('b', wrong), { agentCode: 'invalid' }, wrong);
  await assert.rejects(keeper.connection.request(FrameType.PORTS_OPEN), { agentCode: 'invalid' });
  await assert.rejects(keeper.connection.request(FrameType.STATE), { agentCode: 'unsupported' });
  await keeper.close('nobody');
  await assert.rejects(keeper.open('b', line), { agentCode: 'port', errno: EADDRINUSE });
});

test('an owner that asks again has what it asks for now', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const [first, second] = [await freePort(), await freePort()];
  const lines = [first, second].map((port) => `tcp 127.0.0.1 ${String(port)}-${String(port)} 127.0.0.1 9`);
  await keeper.open('a', lines[0] ?? '');
  assert.deepEqual(
    await keeper.open('a', ...lines),
    [second, first].map((port) => `tcp 127.0.0.1 ${String(port)} 127.0.0.1 9`),
  );
  await keeper.open('a', lines[1] ?? '');
  assert.equal((await keeper.open('b', lines[0] ?? '')).length, 1);
});

/** With its maps, in the keeper's own network namespace. */
async function makeTable(keeper: Keeper): Promise<void> {
  const bridge = { name: 'br-x', subnet: parseSubnet('172.19.0.0/16'), mtu: 1500 };
  await run('nsenter', ['--net', '--target', String(keeper.process.pid), 'nft', '-f', '-'], { input: ruleset(bridge, []) });
}

async function translations(keeper: Keeper): Promise<string[]> {
  const { stdout } = await run('nsenter', ['--net', '--target', String(keeper.process.pid), 'nft', 'list', 'table', 'ip', 'br_x'], {
    maxOutput: 8 << 20,
  });
  return (stdout.match(/(?:[\d.]+ \. )?(?:tcp|udp) \. \d+ : [\d.]+ \. \d+/g) ?? []).toSorted((left, right) => (left < right ? -1 : 1));
}

test(
  'the kernel is told, for each port, and what it is told of others stays',
  { ...OPTIONS, skip: process.getuid?.() === 0 ? false : 'needs root' },
  async () => {
    await using keeper = await Keeper.start(
      'unshare',
      '-n',
      'sh',
      '-c',
      'ip link set lo up; ip addr add 192.0.2.7/32 dev lo; exec "$0" "$@"',
    );
    const ask = async (type: FrameType, owner: string, ...lines: readonly string[]): Promise<number | undefined> => {
      const fields = new FieldsBuilder().add(Tag.CONTAINER, owner).add(Tag.TARGET, 'br_x').addAll(Tag.PORT, lines);
      return (await keeper.connection.request(type, fields)).number(Tag.ERRNO);
    };
    const ENOENT = 2;
    const first = ['tcp 0.0.0.0,:: 80-80 172.19.0.2 8080', 'udp 192.0.2.7 53-53 172.19.0.2 5353', 'tcp 127.0.0.1 81-81 172.19.0.2 81'];
    assert.equal(await ask(FrameType.PORTS_OPEN, 'a', ...first), ENOENT, 'there is no table');
    await makeTable(keeper);
    assert.equal(await ask(FrameType.PORTS_OPEN, 'a', ...first), undefined);
    assert.equal(await ask(FrameType.PORTS_OPEN, 'b', 'udp 0.0.0.0 80-80 172.19.0.3 1'), undefined);
    const own = ['192.0.2.7 . udp . 53 : 172.19.0.2 . 5353', 'tcp . 80 : 172.19.0.2 . 8080'];
    assert.deepEqual(await translations(keeper), [...own, 'udp . 80 : 172.19.0.3 . 1']);
    assert.equal(await ask(FrameType.PORTS_CLOSE, 'b'), undefined);
    assert.deepEqual(await translations(keeper), own);
    assert.equal(await ask(FrameType.PORTS_OPEN, 'a', 'tcp 0.0.0.0 90-90 172.19.0.4 1'), undefined);
    assert.deepEqual(await translations(keeper), ['tcp . 90 : 172.19.0.4 . 1'], 'in the place of what it had');
    // More than fit into one message.
    const many = Array.from(
      { length: 1300 },
      (_, index) => `tcp 0.0.0.0 ${String(1000 + index)}-${String(1000 + index)} 172.19.0.2 ${String(index + 1)}`,
    );
    assert.equal(await ask(FrameType.PORTS_OPEN, 'many', ...many), undefined);
    assert.equal((await translations(keeper)).length, 1301);
    assert.ok((await translations(keeper)).includes('tcp . 2299 : 172.19.0.2 . 1300'));
    assert.equal(await ask(FrameType.PORTS_CLOSE, 'many'), undefined);
    assert.deepEqual(await translations(keeper), ['tcp . 90 : 172.19.0.4 . 1']);
  },
);

test('datagrams: each client has its answers, from the address that it asked', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const echo = createSocket('udp4', (data, from) => echo.send(`${data.toString()} from ${String(from.port)}`, from.port, from.address));
  echo.bind(0, '127.0.0.1');
  await once(echo, 'listening');
  const number = await freePort();
  await keeper.open('a', `udp 0.0.0.0,:: ${String(number)}-${String(number)} 127.0.0.1 ${String(echo.address().port)}`);
  const ask = async (socket: DatagramSocket, text: string): Promise<string> => {
    socket.send(text);
    const [data] = (await once(socket, 'message')) as [Buffer];
    return data.toString();
  };
  const clients: DatagramSocket[] = [];
  const ports = new Set<string>();
  // A connected socket takes nothing from another address than the one it asked.
  for (const [type, host] of [
    ['udp4', '127.0.0.1'],
    ['udp4', '127.0.0.2'],
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const) {
    const client = createSocket(type);
    clients.push(client);
    client.connect(number, host);
    await once(client, 'connect');
    const answers = [await ask(client, 'x'), await ask(client, 'x')];
    assert.equal(answers[0], answers[1], 'one flow');
    ports.add(answers[0] ?? '');
  }
  assert.equal(ports.size, 4, 'a flow for each client');
  for (const socket of [...clients, echo]) socket.close();
});

test('it ends with the last daemon when it holds nothing, and only then', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const number = await freePort();
  await keeper.open('a', `tcp 127.0.0.1 ${String(number)}-${String(number)} 127.0.0.1 9`);
  await assert.rejects(keeper.connection.request(FrameType.SHUTDOWN), { agentCode: 'invalid' });
  keeper.connection.close();
  const next = await AgentConnection.open(keeper.socket);
  const keep = async (...owners: readonly string[]): Promise<string[]> =>
    (await next.request(FrameType.PORTS_KEEP, new FieldsBuilder().addAll(Tag.CONTAINER, owners))).all(Tag.CONTAINER).map(String);
  assert.deepEqual(await keep('a', 'b'), ['a']);
  assert.deepEqual(await keep('b'), []);
  assert.equal(keeper.ended, false);
  next.close();
  await keeper.end();
  assert.ok(!existsSync(keeper.socket));
});

test('it has only the capabilities that it needs', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const status = readFileSync(`/proc/${String(keeper.process.pid)}/status`, 'utf8');
  const NET_BIND_SERVICE = 1n << 10n;
  const NET_ADMIN = 1n << 12n;
  for (const set of ['CapPrm', 'CapEff', 'CapBnd'])
    assert.equal(BigInt(`0x${new RegExp(`^${set}:\\s(\\w+)$`, 'm').exec(status)?.[1] ?? ''}`), NET_BIND_SERVICE | NET_ADMIN, set);
  assert.match(status, /^NoNewPrivs:\t1$/m);
});

test('asked to end it is gone, socket and all, when the connection is', OPTIONS, async () => {
  await using keeper = await Keeper.start();
  const closed = once(keeper.connection, 'close');
  await keeper.connection.request(FrameType.SHUTDOWN);
  await closed;
  assert.ok(!existsSync(keeper.socket));
  await keeper.end();
});
