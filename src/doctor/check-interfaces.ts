import { attempt } from './attempt.ts';
import { type Finding, install, missing, ok } from './finding.ts';

interface Kind {
  readonly kind: string;
  readonly commands: string;
  readonly disables: string;
  readonly module: string;
}

const KINDS: readonly Kind[] = [
  {
    kind: 'bridge',
    commands: 'ip link add doctor0 type bridge && ip link delete doctor0',
    disables: 'networks other than none',
    module: 'bridge',
  },
  {
    kind: 'veth',
    commands: 'ip link add doctor0 type veth peer name doctor1 && ip link delete doctor0',
    disables: 'the network of containers',
    module: 'veth',
  },
  {
    kind: 'tap',
    commands: 'ip tuntap add dev doctor0 mode tap vnet_hdr && ip tuntap delete dev doctor0 mode tap',
    disables: 'the network of VMs',
    module: 'tun',
  },
];

/** Makes one of each and deletes it, in a network namespace that ends with the command. */
export async function checkInterfaces(): Promise<readonly Finding[]> {
  const tool = await attempt('ip', ['-V']);
  if (!tool.works) return [missing('interfaces', tool.why, 'networks', install('iproute2'))];
  return Promise.all(
    KINDS.map(async ({ kind, commands, disables, module }) => {
      const outcome = await attempt('unshare', ['--net', 'sh', '-c', commands]);
      return outcome.works ? ok(kind, 'can be made and deleted') : missing(kind, outcome.why, disables, `modprobe ${module}`);
    }),
  );
}
