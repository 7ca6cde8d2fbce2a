/** nftables rules for a bridge, in a table of their own, and the exceptions that a Docker on the same host needs. */
import { ProcessError, run } from '../base/process.ts';
import { type Bridge, subnetText } from './bridge.ts';
import type { Publication } from './ports/published-port.ts';
import { translationChains } from './ports/translations.ts';

/** nftables names allow no dash at will, so the bridge's is rewritten. */
export function tableName(bridge: string): string {
  return bridge.replaceAll('-', '_');
}

/** The whole table as one transaction: what was there is replaced. */
export function ruleset(bridge: Bridge, publications: readonly Publication[]): string {
  const table = tableName(bridge.name);
  const subnet = subnetText(bridge.subnet);
  return `
table ip ${table}
delete table ip ${table}
table ip ${table} {${translationChains(bridge.name, publications)}
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnet} oifname != "${bridge.name}" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge.name}" accept
    oifname "${bridge.name}" ct state established,related accept
    oifname "${bridge.name}" ct status dnat accept
    oifname "${bridge.name}" drop
  }
}
`;
}

export async function installRules(bridge: Bridge, publications: readonly Publication[]): Promise<void> {
  await run('nft', ['-f', '-'], { input: ruleset(bridge, publications) });
}

export async function removeRules(bridge: string): Promise<void> {
  await run('nft', ['-f', '-'], { input: `table ip ${tableName(bridge)}\ndelete table ip ${tableName(bridge)}\n` });
  await removeFromDocker(bridge);
}

const COMMENT_PREFIX = 'abode:';

/**
 * Docker sets the forward policy to drop, and a drop is final whatever another table accepts; DOCKER-USER is the chain that it leaves to
 * others and keeps over its restarts. Gives whether the exceptions were missing. Without Docker there is no such chain, and nothing to do.
 */
export async function allowBesideDocker(bridge: string): Promise<boolean> {
  const rules = await dockerUserRules();
  if (rules === undefined) return false;
  const missing = [`iifname "${bridge}"`, `oifname "${bridge}"`].filter(
    (match) => !rules.some((rule) => rule.text.includes(match) && rule.text.includes(COMMENT_PREFIX)),
  );
  if (missing.length === 0) return false;
  await run('nft', ['-f', '-'], {
    input: missing.map((match) => `insert rule ip filter DOCKER-USER ${match} accept comment "${COMMENT_PREFIX}${bridge}"\n`).join(''),
  });
  return true;
}

async function removeFromDocker(bridge: string): Promise<void> {
  const rules = (await dockerUserRules()) ?? [];
  for (const rule of rules.filter(({ text }) => text.includes(`"${COMMENT_PREFIX}${bridge}"`))) {
    await run('nft', ['delete', 'rule', 'ip', 'filter', 'DOCKER-USER', 'handle', rule.handle]);
  }
}

async function dockerUserRules(): Promise<Array<{ text: string; handle: string }> | undefined> {
  try {
    const { stdout } = await run('nft', ['-a', 'list', 'chain', 'ip', 'filter', 'DOCKER-USER']);
    return [...stdout.matchAll(/^\s*(.*) # handle (\d+)$/gm)]
      .map(([, text = '', handle = '']) => ({ text, handle }))
      .filter(({ text }) => !text.includes('{'));
  } catch (error) {
    if (error instanceof ProcessError && error.exitCode === 1) return undefined;
    throw error;
  }
}
