import { attempt } from './attempt.ts';
import { type Finding, install, missing, ok } from './finding.ts';

/** The kinds of rules that Abode uses, in a network namespace that ends with the command. */
const RULES = `
table ip abode_doctor {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 192.0.2.0/24 masquerade
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    tcp dport 80 dnat to 192.0.2.2:80
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
  }
}
`;

export async function checkNftables(): Promise<readonly Finding[]> {
  const version = await attempt('nft', ['--version']);
  if (!version.works) {
    return [missing('nftables', version.why, 'networks', install('nftables'))];
  }
  const list = await attempt('nft', ['list', 'tables']);
  const rules = await attempt('unshare', ['--net', 'nft', '-f', '-'], RULES);
  const failed = [list, rules].find((outcome) => !outcome.works);
  if (failed?.works === false) {
    return [
      missing('nftables', failed.why, 'networks other than none', 'modprobe nf_tables nft_chain_nat nft_masq; or run with CAP_NET_ADMIN'),
    ];
  }
  return [ok('nftables', `${version.output}; NAT and filter rules load`)];
}
