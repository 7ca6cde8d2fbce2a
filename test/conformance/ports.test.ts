/** Published ports: who reaches them, what is told of them, and when they are refused. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { after, before } from 'node:test';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { freePorts } from '../fixtures/free-port.ts';
import { ask, Outside, type Protocol } from '../fixtures/outside.ts';
import { cannotRun } from '../fixtures/robust-daemon.ts';
import { udpEcho } from '../fixtures/udp-echo.ts';
import { until } from '../fixtures/until.ts';

const outside = new Outside();
let echo = '';

if (cannotRun === false) {
  before(async () => {
    echo = udpEcho();
    await outside.make();
  });
  after(() => outside[Symbol.asyncDispose]());
}

const { behaviour, everywhereButCold } = conformance();

const PORTS = '{{json .NetworkSettings.Ports}}';

/** Serves its name on port 80, by TCP and by UDP. */
function server(word: string): string[] {
  const udp = `echo ${echo} | base64 -d > /echo; chmod +x /echo; /echo 80 ${word} &`;
  return ['sh', '-c', `mkdir /w; echo ${word} > /w/index.html; ${udp} httpd -p 80 -h /w; echo up; sleep 1000`];
}

async function serve(subject: Subject, ...options: string[]): Promise<void> {
  await subject.background(options, ...server(subject.name));
  await subject.logged('up');
}

/** By every way that leads there from the host and from outside. */
async function askEverywhere(protocol: Protocol, port: number): Promise<Record<string, string>> {
  const { hostAddress, hostAddress6 } = outside;
  const [outside4, outside6, host4, host6, loopback4, loopback6] = await Promise.all([
    outside.ask(protocol, hostAddress, port),
    outside.ask(protocol, hostAddress6, port),
    ask(protocol, hostAddress, port),
    ask(protocol, hostAddress6, port),
    ask(protocol, '127.0.0.1', port),
    ask(protocol, '::1', port),
  ]);
  return { outside4, outside6, host4, host6, loopback4, loopback6 };
}

function everywhereAnswers(word: string): Record<string, string> {
  return { outside4: word, outside6: word, host4: word, host6: word, loopback4: word, loopback6: word };
}

everywhereButCold('a published port is reached from outside, from the host, and from its loopback', async (subject) => {
  const port = await freePorts();
  await serve(subject, '-p', `${String(port)}:80`, '-p', `${String(port)}:80/udp`);
  for (const protocol of ['tcp', 'udp'] as const)
    assert.deepEqual(await askEverywhere(protocol, port), everywhereAnswers(subject.name), protocol);
  // What the kernel translates keeps its sender's address; what is relayed comes from the gateway.
  assert.equal(await outside.ask('udp', outside.hostAddress, port, { say: 'who' }), outside.address);
  assert.equal(await ask('udp', '127.0.0.1', port, [], { say: 'who' }), await subject.inspect('{{.NetworkSettings.Gateway}}'));
});

behaviour("it is reached from other containers and from itself through the host's addresses", async (subject) => {
  const port = String(await freePorts());
  await serve(subject, '-p', `${port}:80`, '-p', `${port}:80/udp`);
  const gateway = await subject.inspect('{{.NetworkSettings.Gateway}}');
  const fetch = `echo ${echo} | base64 -d > /ask; chmod +x /ask`;
  const asking = [gateway, outside.hostAddress].flatMap((host) => [
    `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 9 ${host} ${port} | tail -n 1`,
    `/ask ${host} ${port} ask`,
  ]);
  const script = [fetch, ...asking].join('; ');
  const expected = `${subject.name}\n`.repeat(asking.length);
  const itself = await subject.exec([], 'sh', '-c', script);
  assert.equal(itself.stdout, expected, itself.stderr);
  for (const options of [[], ['--runtime', 'vm:conf']])
    assert.equal(`${await subject.daemon.docker('run', '--rm', ...options, 'abode/base', 'sh', '-c', script)}\n`, expected);
});

behaviour('only the host address that was named leads there', async (subject) => {
  const port = await freePorts();
  await serve(
    subject,
    '-p',
    `127.0.0.1:${String(port)}:80`,
    '-p',
    `[::1]:${String(port)}:80`,
    '-p',
    `${outside.hostAddress}:${String(port)}:80/udp`,
  );
  const refused = { outside4: 'ECONNREFUSED', outside6: 'ECONNREFUSED', host4: 'ECONNREFUSED', host6: 'ECONNREFUSED' };
  assert.deepEqual(await askEverywhere('tcp', port), { ...everywhereAnswers(subject.name), ...refused });
  assert.equal(await outside.ask('udp', outside.hostAddress, port), subject.name);
  assert.equal(await ask('udp', '127.0.0.1', port), 'ECONNREFUSED');
});

behaviour('what is not published is not reached from outside, though there is a route', async (subject) => {
  await serve(subject);
  const address = await subject.inspect('{{.NetworkSettings.IPAddress}}');
  assert.equal(await ask('tcp', address, 80), subject.name);
  assert.equal(await outside.ask('tcp', address, 80), 'ETIMEDOUT');
});

behaviour('port, ps and inspect tell of it, and of what is only exposed', async (subject) => {
  const port = await freePorts(3);
  const [first, last] = [String(port), String(port + 2)];
  await subject.background(['-p', `${first}-${last}:80-82`, '-p', `127.0.0.1:${first}:53/udp`, '--expose', '99'], 'sleep', '1000');
  const on = (number: number): object[] => ['0.0.0.0', '::'].map((HostIp) => ({ HostIp, HostPort: String(number) }));
  assert.deepEqual(JSON.parse(await subject.inspect(PORTS)), {
    '53/udp': [{ HostIp: '127.0.0.1', HostPort: first }],
    '80/tcp': on(port),
    '81/tcp': on(port + 1),
    '82/tcp': on(port + 2),
    '99/tcp': null,
  });
  assert.equal((await subject.docker('port', subject.name, '81')).stdout, `0.0.0.0:${String(port + 1)}\n[::]:${String(port + 1)}\n`);
  const shown = await subject.daemon.docker('ps', '--filter', `name=${subject.name}`, '--format', '{{.Ports}}');
  assert.ok(shown.includes('99/tcp') && shown.includes(`127.0.0.1:${first}->53/udp`), shown);
  for (const [filter, expected] of [
    ['publish=82', subject.name],
    ['publish=53/udp', subject.name],
    ['publish=53', ''],
    ['expose=95-100/tcp', subject.name],
    ['expose=98', ''],
  ])
    assert.equal(
      await subject.daemon.docker('ps', '--filter', `name=${subject.name}`, '--filter', filter ?? '', '--format', '{{.Names}}'),
      expected,
      filter,
    );
  await subject.docker('stop', '-t', '0', subject.name);
  assert.equal(await subject.inspect(PORTS), '{}');
  assert.equal(
    await subject.inspect('{{json .HostConfig.PortBindings}}'),
    JSON.stringify({
      '53/udp': [{ HostIp: '127.0.0.1', HostPort: first }],
      '80/tcp': [{ HostIp: '', HostPort: first }],
      '81/tcp': [{ HostIp: '', HostPort: String(port + 1) }],
      '82/tcp': [{ HostIp: '', HostPort: last }],
    }),
  );
});

behaviour('the host chooses a port: one of a range, any, and for all that the image exposes', async (subject) => {
  const port = await freePorts(2);
  const range = `${String(port)}-${String(port + 1)}`;
  const image = `exposing-${subject.name}`;
  const tar = `${subject.daemon.directory}/${image}.tar`;
  execFileSync('tar', ['-C', '/', '-cf', tar, '-h', 'bin/busybox']);
  await subject.daemon.docker('import', '-c', 'EXPOSE 7 8/udp', tar, image);
  await subject.background(['-p', `${range}:80`, '-p', `${range}:81`, '-p', '82', '-P', '--expose', '9'], 'sleep', '1000');
  const ports = JSON.parse(await subject.inspect(PORTS)) as Record<string, Array<{ HostPort: string }>>;
  const chosen = (key: string): string[] => [...new Set(ports[key]?.map(({ HostPort }) => HostPort))];
  assert.deepEqual([...chosen('80/tcp'), ...chosen('81/tcp')].toSorted(), [String(port), String(port + 1)]);
  for (const key of ['82/tcp', '9/tcp']) {
    assert.equal(chosen(key).length, 1, `${key} has one number on both families: ${JSON.stringify(ports)}`);
    assert.ok(Number(chosen(key)[0]) >= 32_768, key);
  }
  const other = await subject.daemon.docker('run', '-d', '-P', ...subject.isolation.options, image, '/bin/busybox', 'sleep', '1000');
  assert.deepEqual(Object.keys(JSON.parse(await subject.daemon.docker('inspect', '-f', PORTS, other)) as object), ['7/tcp', '8/udp']);
  await subject.daemon.docker('rm', '-f', other);
  await subject.daemon.docker('rmi', image);
});

behaviour("a port in use is Docker's error, whoever has it", async (subject) => {
  const port = await freePorts();
  const refused = new RegExp(
    `driver failed programming external connectivity on endpoint ${subject.name} \\([0-9a-f]{64}\\): Bind for 0\\.0\\.0\\.0:${String(port)} failed: port is already allocated`,
  );
  const holder = await subject.daemon.docker('run', '-d', '-p', `${String(port)}:80`, 'abode/base', 'sleep', '1000');
  await subject.create(['-p', `${String(port)}:80`], 'sleep', '1000');
  const first = await subject.docker('start', subject.name);
  assert.match(first.stderr, refused);
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}}'), 'created 128');
  await subject.daemon.docker('rm', '-f', holder);
  const stranger = createServer().listen(port, '0.0.0.0');
  assert.match((await subject.docker('start', subject.name)).stderr, refused);
  await new Promise((resolve) => stranger.close(resolve));
  assert.equal((await subject.docker('start', subject.name)).stderr, '');
});

behaviour('a port is free again with the news of the exit', async (subject) => {
  const port = await freePorts();
  for (let round = 0; round < 5; round += 1) {
    const { code, stderr } = await subject.docker('run', '-p', `${String(port)}:80`, ...subject.isolation.options, 'abode/base', 'true');
    assert.equal(code, 0, stderr);
  }
});

behaviour('a port of a start that failed is free again', async (subject) => {
  const port = await freePorts();
  for (let round = 0; round < 2; round += 1) {
    const failed = await subject.run(['-p', `${String(port)}:80`], '/no/such/command');
    assert.match(failed.stderr, /no such file or directory/);
  }
  assert.deepEqual(new Set(Object.values(await askEverywhere('tcp', port))), new Set(['ECONNREFUSED']));
  const stranger = createServer().listen(port, '::');
  await new Promise((resolve, reject) => stranger.once('listening', resolve).once('error', reject));
  stranger.close();
});

behaviour('after a restart it leads to the container again, for those who asked before too', async (subject) => {
  const port = await freePorts();
  await serve(subject, '-p', `${String(port)}:80`, '-p', `${String(port)}:80/udp`);
  const address = await subject.inspect('{{.NetworkSettings.IPAddress}}');
  assert.equal(await outside.ask('tcp', outside.hostAddress, port), subject.name);
  assert.equal(await outside.ask('udp', outside.hostAddress, port, { from: 5000 }), subject.name);
  await subject.docker('stop', '-t', '0', subject.name);
  assert.equal(await outside.ask('tcp', outside.hostAddress, port), 'ECONNREFUSED');
  assert.equal(await outside.ask('udp', outside.hostAddress, port, { from: 5001 }), 'ECONNREFUSED');
  await subject.docker('start', subject.name);
  await until('it serves again', 60_000, async () => (await outside.ask('tcp', outside.hostAddress, port)) === subject.name);
  assert.notEqual(await subject.inspect('{{.NetworkSettings.IPAddress}}'), address);
  // Both are flows that the kernel knows from before.
  assert.equal(await outside.ask('udp', outside.hostAddress, port, { from: 5000 }), subject.name);
  assert.equal(await outside.ask('udp', outside.hostAddress, port, { from: 5001, say: 'who' }), outside.address);
  assert.deepEqual(await askEverywhere('udp', port), everywhereAnswers(subject.name));
});
