import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../base/process.ts';
import { parseSubnet } from './addresses.ts';
import { subnetText } from './bridge.ts';
import { ruleset, tableName } from './firewall.ts';
import type { Publication } from './ports/published-port.ts';

const bridge = { name: 'abode-12ab34cd', subnet: parseSubnet('172.19.0.0/16'), mtu: 1500 };
const publication: Publication = {
  owner: 'a',
  address: '172.19.0.2',
  ports: [
    { protocol: 'tcp', containerPort: 80, hostAddress: '0.0.0.0', hostPort: 8080 },
    { protocol: 'tcp', containerPort: 80, hostAddress: '::', hostPort: 8080 },
    { protocol: 'udp', containerPort: 53, hostAddress: '192.0.2.7', hostPort: 5353 },
    { protocol: 'sctp', containerPort: 9, hostAddress: '127.0.0.1', hostPort: 9 },
  ],
};
const needsRoot = process.getuid?.() === 0 ? false : 'needs root';

test('a table bears its bridge in its name, without what nftables does not take', () => {
  assert.equal(tableName('abode0'), 'abode0');
  assert.equal(tableName('abode-12ab34cd'), 'abode_12ab34cd');
});

test('the subnet is masqueraded to everywhere but its own bridge', () => {
  assert.equal(subnetText(bridge.subnet), '172.19.0.0/16');
  assert.match(ruleset(bridge, [publication]), /^ *ip saddr 172\.19\.0\.0\/16 oifname != "abode-12ab34cd" masquerade$/m);
});

test('only what belongs to a connection from inside, or to a published port, may come in', () => {
  const forward = /chain forward \{([^}]*)\}/.exec(ruleset(bridge, [publication]))?.[1] ?? '';
  const inwards = forward.split('\n').filter((line) => line.includes('oifname "abode-12ab34cd"') && line.includes('accept'));
  assert.equal(inwards.length, 2);
  for (const line of inwards) assert.match(line, /ct state established,related|ct status dnat/);
  assert.match(forward, /oifname "abode-12ab34cd" drop\s*$/);
});

test('the kernel takes the rules, twice over, and nothing of the first time is doubled', { skip: needsRoot, timeout: 60_000 }, async () => {
  // In a network namespace of its own, so that the host's rules stay as they are.
  const text = ruleset(bridge, [publication]);
  const script = 'nft -f - <<E\n$RULES\nE\nnft -f - <<E\n$RULES\nE\nnft list ruleset';
  const { stdout } = await run('unshare', ['-n', 'sh', '-ec', script], { env: { ...process.env, RULES: text } });
  assert.equal(stdout.match(/masquerade/g)?.length, 1);
  assert.equal(stdout.match(/^table /gm)?.length, 1);
  assert.match(stdout, /table ip abode_12ab34cd/);
  assert.match(stdout, /elements = \{ tcp \. 8080 : 172\.19\.0\.2 \. 80 \}/);
  assert.match(stdout, /elements = \{ 192\.0\.2\.7 \. udp \. 5353 : 172\.19\.0\.2 \. 53 \}/);
});
