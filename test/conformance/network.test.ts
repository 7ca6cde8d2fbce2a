/** Who reaches whom. */
import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { conformance, Subject } from '../fixtures/conformance.ts';
import { ISOLATIONS } from '../fixtures/isolations.ts';

const { behaviour, everywhere } = conformance();

const OUTSIDE = ['deb.debian.org', 'example.org'];
const ADDRESS = '{{.NetworkSettings.Networks.bridge.IPAddress}}';

/** A name that this machine itself can resolve now; undefined: it has no name resolution. */
async function resolvable(): Promise<string | undefined> {
  for (const name of OUTSIDE) {
    const found = await lookup(name, 4).then(
      () => true,
      () => false,
    );
    if (found) return name;
  }
  return undefined;
}

everywhere('--network none: only lo, which works', async (subject) => {
  const output = await subject.output(
    ['--network', 'none'],
    'sh',
    '-c',
    'ls /sys/class/net; ip route | grep -vc " dev lo "; (nc -l -p 7 < /dev/null > /dev/null &) ; sleep 0.3; echo x | nc -w 5 127.0.0.1 7 && echo reached',
  );
  assert.equal(output, 'lo\n0\nreached');
});

everywhere("the default network: an address of its own, a route out, the host's name servers", async (subject) => {
  const output = await subject.output([], 'sh', '-c', 'ls /sys/class/net; ip route | grep -c ^default; cat /etc/resolv.conf');
  const [lo, eth, ...rest] = output.split('\n').toSorted((left, right) => Number(left !== 'lo') - Number(right !== 'lo'));
  assert.deepEqual([lo, eth], ['lo', 'eth0']);
  assert.equal(rest[0], '1');
  const servers = [...readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^nameserver\s+((?!127\.)\S+)/gm)].map((match) => match[1] ?? '');
  for (const server of servers) assert.ok(output.includes(`nameserver ${server}`), server);
});

everywhere('it reaches every other isolation by address, and is reached', async (subject) => {
  await subject.background([], 'sh', '-c', 'while :; do echo "hello from me" | nc -l -p 9000 > /dev/null; done');
  const address = await subject.inspect(ADDRESS);
  for (const other of ISOLATIONS) {
    // The listener comes up, and comes back after each caller, in its own time.
    const script = `for i in 1 2 3 4 5 6 7 8 9 10; do nc -w 5 ${address} 9000 < /dev/null && exit 0; sleep 0.5; done; exit 1`;
    const { code, stdout, stderr } = await subject.docker('run', '--rm', ...other.options, 'abode/base', 'sh', '-c', script);
    assert.equal(stdout, 'hello from me\n', `${other.name}: ${stderr}`);
    assert.equal(code, 0);
  }
});

behaviour('its loopback has both addresses', async (subject) => {
  for (const network of ['none', 'bridge'])
    assert.equal(
      await subject.output(['--network', network], 'sh', '-c', 'ip -o addr show lo | grep -cE "inet6? (127.0.0.1/8|::1/128)"'),
      '2',
    );
});

behaviour('it is reached by ping', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const address = await subject.inspect(ADDRESS);
  for (const other of ISOLATIONS) {
    const { code, stdout } = await subject.docker('run', '--rm', ...other.options, 'abode/base', 'ping', '-c', '1', '-W', '10', address);
    assert.equal(code, 0, `${other.name}: ${stdout}`);
  }
});

behaviour('names of the outside are resolved', async (subject) => {
  const name = await resolvable();
  if (name === undefined) {
    subject.skip('this machine resolves no name of the outside');
    return;
  }
  const { code, stdout, stderr } = await subject.run([], 'nslookup', '-type=a', name);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /Address(es)?:? /);
});

behaviour('addresses of those that run at once differ', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const other = new Subject(subject.daemon, subject.isolation);
  await other.background([], 'sleep', '1000');
  assert.notEqual(await subject.inspect(ADDRESS), await other.inspect(ADDRESS));
});

behaviour("--sysctl of the network is the container's own", async (subject) => {
  await subject.background(['--sysctl', 'net.ipv4.ip_default_ttl=33'], 'sleep', '1000');
  assert.equal((await subject.exec([], 'cat', '/proc/sys/net/ipv4/ip_default_ttl')).stdout, '33\n');
  assert.equal(await subject.output([], 'cat', '/proc/sys/net/ipv4/ip_default_ttl'), '64');
});
