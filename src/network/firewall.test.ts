import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../base/process.ts';
import { parseSubnet } from './addresses.ts';
import { subnetText } from './bridge.ts';
import { ruleset, tableName } from './firewall.ts';

const bridge = { name: 'abode-12ab34cd', subnet: parseSubnet('172.19.0.0/16'), mtu: 1500 };
const needsRoot = process.getuid?.() === 0 ? false : 'needs root';

test('a table bears its bridge in its name, without what nftables does not take', () => {
  assert.equal(tableName('abode0'), 'abode0');
  assert.equal(tableName('abode-12ab34cd'), 'abode_12ab34cd');
});

test('the subnet is masqueraded to everywhere but its own bridge', () => {
  assert.equal(subnetText(bridge.subnet), '172.19.0.0/16');
  assert.match(ruleset(bridge), /^ *ip saddr 172\.19\.0\.0\/16 oifname != "abode-12ab34cd" masquerade$/m);
});

test('only what belongs to a connection from inside may come in', () => {
  const forward = /chain forward \{([^}]*)\}/.exec(ruleset(bridge))?.[1] ?? '';
  const inwards = forward.split('\n').filter((line) => line.includes('oifname "abode-12ab34cd"') && line.includes('accept'));
  assert.equal(inwards.length, 2);
  for (const line of inwards) assert.match(line, /ct state established,related|iifname "abode-12ab34cd"/);
});

test('the kernel takes the rules, twice over, and nothing of the first time is doubled', { skip: needsRoot, timeout: 60_000 }, async () => {
  // In a network namespace of its own, so that the host's rules stay as they are.
  const text = ruleset(bridge);
  const script = 'nft -f - <<E\n$RULES\nE\nnft -f - <<E\n$RULES\nE\nnft list ruleset';
  const { stdout } = await run('unshare', ['-n', 'sh', '-ec', script], { env: { ...process.env, RULES: text } });
  assert.equal(stdout.match(/masquerade/g)?.length, 1);
  assert.equal(stdout.match(/^table /gm)?.length, 1);
  assert.match(stdout, /table ip abode_12ab34cd/);
});
