/**
 * The same requests about ports to the dockerd of this machine and to Abode, in every isolation: statuses, messages and what inspect tells of
 * ports.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { freePorts } from '../fixtures/free-port.ts';
import { ISOLATIONS } from '../fixtures/isolations.ts';
import { ReferenceDocker } from '../fixtures/reference-docker.ts';
import { cannotRun, DOCKER, RobustDaemon } from '../fixtures/robust-daemon.ts';

const IMAGE = `abode-differential-ports:${String(process.pid)}`;
const NAME = `abode-differential-ports-${String(process.pid)}`;
const SOCKET = '/var/run/docker.sock';
const VERSION = 'v1.41';
const TEST_MS = 300_000;

interface Case {
  readonly config?: object;
  readonly host?: object;
}

/** FREE, FREE+1 and FREE+2 are ports that nobody has; HELD is another container's. */
const CASES: Readonly<Record<string, Case>> = {
  'one port': { config: exposed('80/tcp'), host: bound({ '80/tcp': [{ HostPort: 'FREE' }] }) },
  'the same number in tcp and udp': {
    config: exposed('80/tcp', '80/udp'),
    host: bound({ '80/tcp': [{ HostPort: 'FREE' }], '80/udp': [{ HostPort: 'FREE' }] }),
  },
  'one port on two numbers': { config: exposed('80/tcp'), host: bound({ '80/tcp': [{ HostPort: 'FREE' }, { HostPort: 'FREE+1' }] }) },
  'an address': { config: exposed('80/tcp'), host: bound({ '80/tcp': [{ HostIp: '127.0.0.1', HostPort: 'FREE' }] }) },
  'IPv6 alone': { config: exposed('80/tcp'), host: bound({ '80/tcp': [{ HostIp: '::1', HostPort: 'FREE' }] }) },
  'IPv4 alone': { config: exposed('80/tcp'), host: bound({ '80/tcp': [{ HostIp: '0.0.0.0', HostPort: 'FREE' }] }) },
  'a range of one': { config: exposed('80/tcp'), host: bound({ '80/tcp': [{ HostPort: 'FREE-FREE' }] }) },
  'exposed only': { config: exposed('80/tcp', '9/udp') },
  'no bindings': { config: exposed('80/tcp'), host: bound({ '80/tcp': [] }) },
  'null bindings': { config: exposed('80/tcp'), host: bound({ '80/tcp': null }) },
  'no network': { config: exposed('80/tcp'), host: { NetworkMode: 'none', ...bound({ '80/tcp': [{ HostPort: 'FREE' }] }) } },
  'in use': { config: exposed('80/tcp'), host: bound({ '80/tcp': [{ HostPort: 'HELD' }] }) },
  'a range in use': { config: exposed('80/tcp'), host: bound({ '80/tcp': [{ HostPort: 'HELD-HELD+1' }] }) },
  'an address that the host does not have': {
    config: exposed('80/tcp'),
    host: bound({ '80/tcp': [{ HostIp: '203.0.113.9', HostPort: 'FREE' }] }),
  },
  'sctp, as far as the kernel has it': { config: exposed('80/sctp'), host: bound({ '80/sctp': [{ HostPort: 'FREE' }] }) },
  'no port': { host: bound({ '80/tcp': [{ HostPort: 'x' }] }) },
  'a port too large': { host: bound({ '80/tcp': [{ HostPort: '99999' }] }) },
  'a range backwards': { host: bound({ '80/tcp': [{ HostPort: '90-80' }] }) },
  'no container port': { host: bound({ 'x/tcp': [{ HostPort: 'FREE' }] }) },
  'a range of container ports': { host: bound({ '80-81/tcp': [{ HostPort: 'FREE' }] }) },
};

const reference = new ReferenceDocker(DOCKER);
const skip = cannotRun === false ? await ReferenceDocker.missing() : cannotRun;
let daemon: RobustDaemon | undefined;
let free = 0;
let held = 0;

if (skip === false) {
  before(async () => {
    daemon = await RobustDaemon.start();
    await daemon.docker('tag', 'abode/base', IMAGE);
    await reference.take(daemon, IMAGE);
    free = await freePorts(3);
    held = await freePorts(2);
  });
  after(async () => {
    await reference.run(['rm', '-f', NAME, `${NAME}-holder`]);
    await reference.run(['rmi', '-f', IMAGE]);
    await daemon?.[Symbol.asyncDispose]();
  });
}

for (const [name, { config = {}, host = {} }] of Object.entries(CASES)) {
  test(`as dockerd: ${name}`, { skip, timeout: TEST_MS }, async () => {
    assert.ok(daemon);
    const expected = await play(SOCKET, config, host);
    await reference.run(['rm', '-f', NAME, `${NAME}-holder`]);
    for (const { name: isolation, options } of ISOLATIONS) {
      const runtime = options[1] === undefined ? {} : { Runtime: options[1] };
      const seen = await play(daemon.socket, config, { ...host, ...runtime });
      await daemon.removeAll();
      assert.deepEqual(seen, expected, isolation);
    }
  });
}

interface Seen {
  readonly create: string;
  readonly start: string;
  readonly ports: unknown;
  readonly listed: unknown;
  readonly bindings: unknown;
  readonly exposed: unknown;
}

async function play(socketPath: string, config: object, host: object): Promise<Seen> {
  const body = JSON.parse(
    JSON.stringify({ Image: IMAGE, Cmd: ['sleep', '100'], ...config, HostConfig: host })
      .replaceAll('FREE+2', String(free + 2))
      .replaceAll('FREE+1', String(free + 1))
      .replaceAll('FREE', String(free))
      .replaceAll('HELD+1', String(held + 1))
      .replaceAll('HELD', String(held)),
  ) as object;
  if (JSON.stringify(host).includes('HELD')) await hold(socketPath, JSON.stringify(host).includes('HELD+1') ? [held, held + 1] : [held]);
  const create = await call(socketPath, 'POST', `/containers/create?name=${NAME}`, body);
  const start = await call(socketPath, 'POST', `/containers/${NAME}/start`);
  const { status, text } = await call(socketPath, 'GET', `/containers/${NAME}/json`);
  const inspected = (status === 200 ? JSON.parse(text) : {}) as {
    NetworkSettings?: { Ports: unknown };
    HostConfig?: { PortBindings: unknown };
    Config?: { ExposedPorts?: unknown };
  };
  const list = JSON.parse((await call(socketPath, 'GET', `/containers/json?filters={"name":["${NAME}$"]}`)).text) as Array<{
    Ports: object[];
  }>;
  return {
    create: `${String(create.status)} ${message(create.text)}`,
    start: `${String(start.status)} ${message(start.text)}`,
    ports: inspected.NetworkSettings?.Ports,
    listed: list.map(({ Ports }) => Ports.map((port) => JSON.stringify(Object.entries(port).toSorted(byName))).toSorted(byText)),
    bindings: inspected.HostConfig?.PortBindings,
    exposed: inspected.Config?.ExposedPorts,
  };
}

/** Another container has these ports. */
async function hold(socketPath: string, ports: readonly number[]): Promise<void> {
  const bindings = Object.fromEntries(ports.map((port, index) => [`${String(index + 1)}/tcp`, [{ HostPort: String(port) }]]));
  const body = { Image: IMAGE, Cmd: ['sleep', '100'], ...exposed(...Object.keys(bindings)), HostConfig: bound(bindings) };
  await call(socketPath, 'POST', `/containers/create?name=${NAME}-holder`, body);
  const started = await call(socketPath, 'POST', `/containers/${NAME}-holder/start`);
  assert.equal(started.status, 204, started.text);
}

function exposed(...keys: readonly string[]): object {
  return { ExposedPorts: Object.fromEntries(keys.map((key) => [key, {}])) };
}

function bound(bindings: Readonly<Record<string, ReadonlyArray<{ HostIp?: string; HostPort?: string }> | null>>): object {
  return { PortBindings: bindings };
}

function call(socketPath: string, method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request({ socketPath, method, path: `/${VERSION}${encodeURI(path)}`, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, text });
      });
    });
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** An error's words, without ids; of anything else nothing. */
function message(text: string): string {
  if (!text.startsWith('{"message"')) return '';
  return (JSON.parse(text) as { message: string }).message.trim().replaceAll(/[0-9a-f]{64}/g, 'ID');
}

function byName([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return byText(left, right);
}

function byText(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

test('as dockerd: what a link tells', { skip, timeout: TEST_MS }, async () => {
  assert.ok(daemon);
  const own = daemon;
  // Addresses and ids are each engine's own.
  const script = `env | grep ^DB_ | sort; grep dbhost /etc/hosts`;
  const normal = (text: string): string => text.replaceAll(/\b(\d{1,3}\.){3}\d{1,3}\b/g, 'ADDRESS');
  const tell = async (
    run: (args: readonly string[]) => Promise<{ stdout: string; stderr: string }>,
    options: readonly string[],
  ): Promise<string> => {
    const ports = ['--expose', '5432', '--expose', '81-83', '--expose', '9/udp'];
    const child = [
      'run',
      '-d',
      '--name',
      `${NAME}-holder`,
      '--hostname',
      'dbhost',
      '-e',
      'FOO=b r',
      ...ports,
      ...options,
      IMAGE,
      'sleep',
      '100',
    ];
    const started = await run(child);
    const parent = ['run', '--rm', '--name', NAME, '--link', `${NAME}-holder:db`, ...options, IMAGE, 'sh', '-c', script];
    const told = await run(parent);
    await run(['rm', '-f', `${NAME}-holder`]);
    return normal(`${started.stderr}${told.stdout}${told.stderr}`);
  };
  const expected = await tell((args) => reference.run(args), []);
  assert.match(expected, /^DB_PORT_5432_TCP_PORT=5432$/m);
  for (const { name, options } of ISOLATIONS) assert.equal(await tell((args) => own.run(args), options), expected, name);
});
