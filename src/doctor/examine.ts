/** All checks, in the order of the report; a check that throws is a finding, not the end of the report. */
import { messageOf } from '../base/errors.ts';
import { checkAcceleration } from './check-acceleration.ts';
import { checkCgroups } from './check-cgroups.ts';
import { checkDocker } from './check-docker.ts';
import { checkInterfaces } from './check-interfaces.ts';
import { checkKernel } from './check-kernel.ts';
import { checkNamespaces } from './check-namespaces.ts';
import { checkNetwork } from './check-network.ts';
import { checkNftables } from './check-nftables.ts';
import { checkNode } from './check-node.ts';
import { checkOverlay } from './check-overlay.ts';
import { checkResources } from './check-resources.ts';
import { checkRuntimes } from './check-runtimes.ts';
import { checkUser } from './check-user.ts';
import { checkVmTools } from './check-vm-tools.ts';
import { type Check, type Finding, type Ground, missing } from './finding.ts';

const CHECKS: Readonly<Record<string, Check>> = {
  user: checkUser,
  node: checkNode,
  kernel: checkKernel,
  namespaces: checkNamespaces,
  cgroups: checkCgroups,
  overlayfs: checkOverlay,
  nftables: checkNftables,
  interfaces: checkInterfaces,
  network: checkNetwork,
  'docker beside': checkDocker,
  resources: checkResources,
  runtimes: checkRuntimes,
  'vm tools': checkVmTools,
  acceleration: checkAcceleration,
};

export async function* examine(ground: Ground, checks: Readonly<Record<string, Check>> = CHECKS): AsyncGenerator<Finding> {
  for (const [name, check] of Object.entries(checks)) {
    try {
      yield* await check(ground);
    } catch (error) {
      yield missing(name, `the check failed: ${messageOf(error)}`, 'unknown', 'see the message');
    }
  }
}
