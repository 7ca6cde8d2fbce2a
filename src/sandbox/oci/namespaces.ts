/** `linux.namespaces` of an OCI configuration, and the mount that goes with the IPC namespace. */
import type { ContainerSpec } from '../sandbox.ts';
import type { Share } from '../sharing.ts';
import type { OciMount } from './mounts.ts';
import type { SpecContext } from './spec.ts';

export interface OciNamespace {
  readonly type: string;
  readonly path?: string;
}

export function composeNamespaces({ sharing, security }: ContainerSpec, context: SpecContext): OciNamespace[] {
  const own: Share | undefined = context.netns === undefined ? { kind: 'host' } : { kind: 'join', path: context.netns };
  const cgroup = sharing?.cgroup ?? (context.cgroupVersion === '2' && !security.privileged ? 'own' : 'host');
  return [
    ...namespace('pid', sharing?.pid),
    ...namespace('ipc', sharing?.ipc),
    ...namespace('uts', sharing?.uts),
    { type: 'mount' },
    ...namespace('network', sharing?.network ?? own),
    ...(cgroup === 'own' ? [{ type: 'cgroup' }] : []),
  ];
}

/** A runtime gives what it is not told to make or to join: its own. */
function namespace(type: string, share: Share | undefined): OciNamespace[] {
  if (share === undefined) return [{ type }];
  return share.kind === 'host' ? [] : [{ type, path: share.path }];
}

/** `shared` is where a /dev/shm is found that is not this container's alone. */
export function composeShm({ sharing, shmSize }: ContainerSpec, shared: string | undefined): OciMount[] {
  if (sharing?.shm?.kind === 'none') return [];
  if (shared !== undefined)
    return [{ destination: '/dev/shm', type: 'bind', source: shared, options: ['bind', 'nosuid', 'noexec', 'nodev', 'private'] }];
  return [
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${String(shmSize)}`],
    },
  ];
}
