/** Bytes in a container's writable layer, wherever that is, without starting or holding up anything. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from '../base/files.ts';
import { run } from '../base/process.ts';
import type { ContainerSpec } from './sandbox.ts';
import { GUEST_DATA } from './vm/guest-paths.ts';
import type { SharedVms } from './vm/shared-vms.ts';

const WALK_MS = 600_000;
/** What stat(2) counts in, whatever the filesystem's blocks are. */
const BLOCK = 512;

export async function hostUsage(agentPath: string, { rootDir }: Pick<ContainerSpec, 'rootDir'>): Promise<number> {
  const upper = join(rootDir, 'upper');
  if (!(await exists(upper))) return 0;
  const { stdout } = await run(agentPath, ['files', upper, 'usage'], { timeoutMs: WALK_MS });
  return Number(stdout);
}

/**
 * Of a VM that does not run: what its disk takes of the host's beyond an empty one. That is what removing it gives back; what a guest says
 * of its own disk would have to be believed.
 */
export async function diskUsage({ rootDir }: Pick<ContainerSpec, 'rootDir'>, emptyDisks: readonly string[]): Promise<number> {
  const [own = 0, ...empty] = await Promise.all([join(rootDir, 'data.img'), ...emptyDisks].map(allocated));
  return Math.max(0, own - Math.max(0, ...empty));
}

/** Undefined while the VM does not run. */
export async function sharedUsage(vms: SharedVms, name: string, id: string): Promise<number | undefined> {
  const vm = vms.running(name);
  if (vm === undefined) return undefined;
  const helper = await vm.machine.shim.helper(['files', `${GUEST_DATA}/${id}/upper`, 'usage']);
  return Number(await helper.text());
}

async function allocated(path: string): Promise<number> {
  return stat(path).then(
    ({ blocks }) => blocks * BLOCK,
    () => 0,
  );
}
