/** The mounts of a container's OCI configuration, in the order in which they are made: what is deeper comes later. */
import type { ContainerSpec, HostMount } from '../sandbox.ts';
import { composeShm } from './namespaces.ts';

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** What depends on where the bundle runs: the host or a guest. */
export interface MountContext {
  /** Where the injected files are, seen from the runtime. */
  readonly fileSource: (source: string) => string;
  /** Where a directory or file of the host is, seen from the runtime. */
  readonly mountSource: (mount: HostMount) => string;
  /** A /dev/shm that is not this container's alone. */
  readonly shm?: string | undefined;
}

export function composeMounts(spec: ContainerSpec, context: MountContext): OciMount[] {
  const given = givenMounts(spec, context);
  // What a container asks for takes the place of what it would have there; a /dev of its own, of all below that.
  const replaced = ({ destination }: OciMount): boolean =>
    given.some((mount) => mount.destination === destination || (mount.destination === '/dev' && destination.startsWith('/dev/')));
  return [
    ...standardMounts(spec, context.shm).filter((mount) => !replaced(mount)),
    ...given.toSorted((one, other) => depth(one.destination) - depth(other.destination)),
    ...(spec.runInit
      ? [{ destination: '/sbin/docker-init', type: 'bind', source: context.fileSource('init'), options: ['bind', 'ro'] }]
      : []),
  ];
}

/** A mount that is to hear of others, or tell of them, needs a root that lets it. */
export function rootPropagation({ mounts }: ContainerSpec): string {
  if (mounts.some(({ propagation }) => propagation.endsWith('shared'))) return 'rshared';
  return mounts.some(({ propagation }) => propagation.endsWith('slave')) ? 'rslave' : 'private';
}

function givenMounts(spec: ContainerSpec, context: MountContext): OciMount[] {
  return [
    ...spec.files.map((file) => ({
      destination: file.destination,
      type: 'bind',
      source: context.fileSource(file.source),
      options: ['rbind', 'rprivate'],
    })),
    ...Object.entries(spec.tmpfs).map(([destination, options]) => ({
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: tmpfsOptions(options),
    })),
    ...spec.mounts.map((mount) => ({
      destination: mount.destination,
      type: 'bind',
      source: context.mountSource(mount),
      options: [mount.recursive ? 'rbind' : 'bind', mount.writable ? 'rw' : 'ro', mount.propagation],
    })),
  ];
}

function depth(path: string): number {
  return path.split('/').filter((part) => part !== '').length;
}

/** What every container has. */
function standardMounts(spec: ContainerSpec, shm: string | undefined): OciMount[] {
  const writable = spec.security.privileged;
  const access = writable ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', access] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    ...composeShm(spec, shm),
  ];
}

/** Docker's, but for those that were asked for otherwise: a runtime need not let the later of two win. */
function tmpfsOptions(text: string): string[] {
  const given = text.split(',').filter((option) => option !== '');
  return [...['noexec', 'nosuid', 'nodev'].filter((option) => !given.includes(option.slice('no'.length))), ...given];
}

/** The same for mount(2), as the agent takes it. */
export function tmpfsData(text: string): { flags: number; data: string } {
  const options = tmpfsOptions(text);
  const flags = options.reduce((sum, option) => sum | (FLAGS[option] ?? 0), 0);
  const data = options.filter((option) => !(option in FLAGS) && !NEUTRAL.includes(option));
  return { flags, data: data.join(',') };
}

/** mount(2); what takes a flag away is what it is without. */
const FLAGS: Readonly<Record<string, number>> = {
  ro: 1,
  nosuid: 2,
  nodev: 4,
  noexec: 8,
  sync: 16,
  dirsync: 128,
  noatime: 1024,
  nodiratime: 2048,
};
const NEUTRAL = ['rw', 'exec', 'suid', 'dev', 'async', 'atime', 'diratime', 'relatime', 'norelatime', 'strictatime', 'nostrictatime'];
