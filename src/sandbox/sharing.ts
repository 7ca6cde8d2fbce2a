/** What a container shares with the machine that it runs on, or with another container there; anything else is its own. */

export type Share = { readonly kind: 'host' } | { readonly kind: 'join'; readonly path: string };

export interface Sharing {
  readonly pid?: Share;
  readonly ipc?: Share;
  readonly uts?: Share;
  readonly network?: Share;
  /** Undefined: as the cgroup version has it, its own on version 2. */
  readonly cgroup?: 'own' | 'host';
  /** /dev/shm: of its own where others can find it, another container's, the host's, or none at all. */
  readonly shm?:
    | { readonly kind: 'shareable' }
    | { readonly kind: 'join'; readonly id: string; readonly runDir: string }
    | { readonly kind: 'host' }
    | { readonly kind: 'none' };
}
