/** Directories of the host in the one container of a VM: BIND, in the order in which they lie on each other. */
import { bindField, type FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { tmpfsData } from '../oci/mounts.ts';
import type { ContainerSpec, HostMount } from '../sandbox.ts';
import { isBelowMount } from './guest-process.ts';
import type { Machine } from './machine.ts';

/** For what the agent would mount before the binds. */
const GUEST_TMPFS = '/run/abode/tmpfs';

interface Bind {
  readonly source: string;
  readonly destination: string;
  readonly readonly: boolean;
}

export async function bindMounts(
  machine: Machine,
  fields: FieldsBuilder,
  spec: ContainerSpec,
  guestPaths: ReadonlyMap<HostMount, string>,
): Promise<FieldsBuilder> {
  const shared = spec.mounts.map((mount): Bind => ({
    source: guestPaths.get(mount) ?? '',
    destination: mount.destination,
    readonly: !mount.writable,
  }));
  const binds = [...shared, ...(await mountInner(machine, spec))];
  return fields.addAll(
    Tag.BIND,
    binds
      .toSorted((one, other) => depth(one.destination) - depth(other.destination))
      .map(({ source, destination, readonly }) => bindField(source, destination, readonly)),
  );
}

/** A tmpfs below a directory of the host is made beside the container and bound like one. */
async function mountInner(machine: Machine, spec: ContainerSpec): Promise<Bind[]> {
  const inner = Object.entries(spec.tmpfs).filter(([destination]) => isBelowMount(destination, spec));
  return Promise.all(
    inner.map(async ([destination, options], index): Promise<Bind> => {
      const source = `${GUEST_TMPFS}/${String(index)}`;
      const { flags, data } = tmpfsData(options);
      await machine.mount({ source: 'tmpfs', target: source, type: 'tmpfs', flags, data });
      return { source, destination, readonly: false };
    }),
  );
}

function depth(path: string): number {
  return path.split('/').filter((part) => part !== '').length;
}
