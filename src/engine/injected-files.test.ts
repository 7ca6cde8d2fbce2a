import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hosts, resolvConf, writeInjectedFiles } from './injected-files.ts';
import { containerRecord } from './record-fixture.ts';
import type { HostConfig } from './record.ts';

const network = { network: 'bridge', address: '172.19.0.2', prefixLength: 16, gateway: '172.19.0.1', mac: '' };
const LOCAL = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback'];

/** The lines after those that every container has. */
function own(text: string): string[] {
  assert.ok(text.endsWith('\n'));
  const lines = text.slice(0, -1).split('\n');
  assert.deepEqual(lines.slice(0, 2), LOCAL);
  return lines.slice(6);
}

test('a container knows its own name by its address', () => {
  assert.deepEqual(own(hosts(containerRecord({ network, config: { Hostname: 'web' } }))), ['172.19.0.2\tweb']);
  assert.deepEqual(own(hosts(containerRecord({ network, config: { Hostname: 'web', Domainname: 'example.com' } }))), [
    '172.19.0.2\tweb.example.com web',
  ]);
  assert.deepEqual(own(hosts(containerRecord({ config: { Hostname: 'web' } }))), [], 'without a network it has none');
});

test('hosts that were asked for are there; host-gateway is the bridge, an IPv6 address keeps its colons', () => {
  const host: HostConfig = { ExtraHosts: ['db:10.0.0.5', 'outside:host-gateway', 'six:fe80::1'] };
  assert.deepEqual(own(hosts(containerRecord({ network, host, config: { Hostname: 'web' } }))), [
    '10.0.0.5\tdb',
    '172.19.0.1\toutside',
    'fe80::1\tsix',
    '172.19.0.2\tweb',
  ]);
});

test('without a network of its own host-gateway is the bridge still', () => {
  const host: HostConfig = { NetworkMode: 'none', ExtraHosts: ['outside:host-gateway'] };
  assert.deepEqual(own(hosts(containerRecord({ host }), [], '172.19.0.1')), ['172.19.0.1\toutside']);
});

test("on the host's network the host's own files are there, with what was added", async () => {
  const root = await mkdtemp(join(tmpdir(), 'abode-files-'));
  try {
    const host: HostConfig = { NetworkMode: 'host', ExtraHosts: ['db:10.0.0.5', 'outside:host-gateway'] };
    await writeInjectedFiles(containerRecord({ host }), root, [], '172.19.0.1');
    const [hostsFile, resolver] = await Promise.all([readFile('/etc/hosts', 'utf8'), readFile('/etc/resolv.conf', 'utf8')]);
    assert.equal(await readFile(join(root, 'hosts'), 'utf8'), `${hostsFile.trimEnd()}\n10.0.0.5\tdb\n172.19.0.1\toutside\n`);
    assert.equal((await readFile(join(root, 'resolv.conf'), 'utf8')).trimEnd(), resolver.trimEnd());
  } finally {
    await rm(root, { recursive: true });
  }
});

const HOST = 'nameserver 1.1.1.1\nnameserver 8.8.8.8\nsearch host.example\noptions ndots:2\n';
const resolve = (host: HostConfig, from = HOST): string[] => resolvConf(containerRecord({ host }), from).trimEnd().split('\n').toSorted();

test("without options the host's resolver configuration is taken as it is", () => {
  assert.equal(resolvConf(containerRecord(), HOST), HOST);
  assert.equal(resolvConf(containerRecord({ host: { Dns: [], DnsSearch: [], DnsOptions: null } }), HOST), HOST);
});

test('an option replaces the lines of its kind and leaves the others', () => {
  assert.deepEqual(resolve({ Dns: ['9.9.9.9', '9.9.9.10'] }), [
    'nameserver 9.9.9.10',
    'nameserver 9.9.9.9',
    'options ndots:2',
    'search host.example',
  ]);
  assert.deepEqual(resolve({ DnsSearch: ['a.example', 'b.example'] }), [
    'nameserver 1.1.1.1',
    'nameserver 8.8.8.8',
    'options ndots:2',
    'search a.example b.example',
  ]);
  assert.deepEqual(resolve({ DnsOptions: ['timeout:1', 'rotate'] }), [
    'nameserver 1.1.1.1',
    'nameserver 8.8.8.8',
    'options timeout:1 rotate',
    'search host.example',
  ]);
  assert.deepEqual(resolve({ Dns: ['9.9.9.9'], DnsSearch: ['a'], DnsOptions: ['b'] }), ['nameserver 9.9.9.9', 'options b', 'search a']);
});

test('the order of name servers is that of the request', () => {
  assert.match(
    resolvConf(containerRecord({ host: { Dns: ['9.9.9.9', '1.0.0.1'] } }), HOST),
    /nameserver 9\.9\.9\.9\nnameserver 1\.0\.0\.1\n/,
  );
});

test('a search domain of "." takes all of them away', () => {
  assert.deepEqual(resolve({ DnsSearch: ['.'] }), ['nameserver 1.1.1.1', 'nameserver 8.8.8.8', 'options ndots:2']);
});

test('each line stands alone although the host’s file does not end with one', () => {
  assert.deepEqual(resolve({ DnsSearch: ['a'] }, 'nameserver 1.1.1.1'), ['nameserver 1.1.1.1', 'search a']);
  assert.deepEqual(resolve({ Dns: ['9.9.9.9'] }, ''), ['nameserver 9.9.9.9']);
});

test('the files are written where the spec looks for them, readable for every user', async () => {
  const root = await mkdtemp(join(tmpdir(), 'abode-files-'));
  try {
    const directory = join(root, 'c');
    await writeInjectedFiles(containerRecord({ config: { Hostname: 'web' }, network, host: { Dns: ['9.9.9.9'] } }), directory);
    await writeInjectedFiles(containerRecord({ config: { Hostname: 'web2' }, network, host: { Dns: ['9.9.9.9'] } }), directory);
    assert.equal(await readFile(join(directory, 'hostname'), 'utf8'), 'web2\n');
    assert.match(await readFile(join(directory, 'hosts'), 'utf8'), /\n172\.19\.0\.2\tweb2\n$/);
    assert.match(await readFile(join(directory, 'resolv.conf'), 'utf8'), /^nameserver 9\.9\.9\.9$/m);
    for (const name of ['hosts', 'hostname', 'resolv.conf']) assert.equal((await stat(join(directory, name))).mode & 0o444, 0o444, name);
  } finally {
    await rm(root, { recursive: true });
  }
});
