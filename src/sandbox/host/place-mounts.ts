/** What runtimes do not do, or not all of them, or could not be trusted with is mounted by the shim, in its namespace, where only they see it. */
import { join } from 'node:path';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { bindFlags, explainBind, isReadonlyBelow, isShared } from '../host-bind.ts';
import type { ContainerSpec, HostMount } from '../sandbox.ts';
import type { Shim } from '../shim.ts';

/** Where the mounts are that are not at their sources. */
export async function placeMounts(shim: Shim, { mounts, runDir }: ContainerSpec): Promise<Map<HostMount, string>> {
  const needed = [...mounts.entries()].filter(([, mount]) => mount.subpath !== '' || isShared(mount) || isReadonlyBelow(mount));
  const placed = needed.map(async ([index, mount]): Promise<[HostMount, string]> => {
    const target = join(runDir, 'mounts', String(index));
    const fields = new FieldsBuilder()
      .add(Tag.ROOT, mount.source)
      .add(Tag.SOURCE, mount.subpath === '' ? '.' : mount.subpath)
      .add(Tag.TARGET, target)
      .add(Tag.FLAGS, bindFlags(mount));
    await shim.request(FrameType.MOUNT, fields).catch(explainBind);
    return [mount, target];
  });
  return new Map(await Promise.all(placed));
}
