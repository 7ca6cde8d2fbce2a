/** A container's OCI runtime configuration (runtime-spec, config.md), as Docker composes it. */
import type { ContainerSpec, ProcessSpec, Security } from '../sandbox.ts';
import { type OciSeccomp, parseCustomProfile, toOci } from '../seccomp/oci.ts';
import { composeMounts, type MountContext, rootPropagation } from './mounts.ts';
import { defaultProfile } from '../seccomp/profile.ts';
import { composeNamespaces } from './namespaces.ts';
import { composeDevices, composeResources, type HostParts, NO_HOST_PARTS } from './resources.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly home: string;
}

/** What depends on where the bundle runs: the host or a guest. */
export interface SpecContext extends MountContext {
  readonly rootfs: string;
  readonly netns: string | undefined; // path of the namespace; undefined: the sandbox's own
  readonly cgroupsPath: string;
  readonly cgroupVersion: '1' | '2';
  /** The highest limits that this machine lets a process set. */
  readonly ceilings: ReadonlyMap<string, bigint>;
  /** Undefined in a guest. */
  readonly host?: HostParts;
}

export interface OciProcess {
  readonly terminal: boolean;
  readonly consoleSize?: { height: number; width: number };
  readonly user: { uid: number; gid: number; additionalGids: readonly number[]; umask: number };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: Record<'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient', readonly string[]>;
  readonly rlimits: ReadonlyArray<{ type: string; soft: bigint; hard: bigint }>;
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number;
}

export function composeProcess(
  spec: ContainerSpec,
  process: ProcessSpec,
  user: ResolvedUser,
  ceilings: ReadonlyMap<string, bigint>,
  privilegedSet: readonly string[],
): OciProcess {
  const capabilities = process.privileged ? privilegedSet : spec.security.capabilities;
  // As execve(2) leaves them; gVisor takes the sets as they are given.
  const usable = user.uid === 0 ? capabilities : [];
  return {
    terminal: process.tty,
    ...(process.tty && process.rows > 0 ? { consoleSize: { height: process.rows, width: process.columns } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.groups, umask: 0o022 },
    args: process.args,
    env: process.env.some((entry) => entry.startsWith('HOME=')) ? process.env : [...process.env, `HOME=${user.home}`],
    cwd: process.cwd === '' ? '/' : process.cwd,
    capabilities: { bounding: capabilities, effective: usable, permitted: usable, inheritable: [], ambient: [] },
    rlimits: spec.rlimits.map((limit) => lowered(limit, ceilings)),
    noNewPrivileges: spec.security.noNewPrivileges,
    ...(spec.oomScoreAdj === 0 ? {} : { oomScoreAdj: spec.oomScoreAdj }),
  };
}

export function composeSpec(spec: ContainerSpec, process: OciProcess, context: SpecContext): object {
  const { security } = spec;
  return {
    ociVersion: '1.0.2',
    process,
    root: { path: context.rootfs, readonly: security.readonlyRoot },
    ...(spec.sharing?.uts === undefined
      ? { hostname: spec.hostname, ...(spec.domainname === '' ? {} : { domainname: spec.domainname }) }
      : {}),
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
    mounts: composeMounts(spec, context),
    linux: {
      namespaces: composeNamespaces(spec, context),
      cgroupsPath: context.cgroupsPath,
      resources: composeResources(spec, context.host ?? NO_HOST_PARTS),
      ...composeDevices(context.host ?? NO_HOST_PARTS),
      sysctl: spec.sysctls,
      maskedPaths: security.maskedPaths,
      readonlyPaths: security.readonlyPaths,
      rootfsPropagation: rootPropagation(spec),
      ...seccomp(security),
    },
  };
}

function seccomp({ seccomp: choice, capabilities, kernel }: Security): { seccomp?: OciSeccomp } {
  if (choice === 'unconfined') return {};
  return { seccomp: choice === 'default' ? toOci(defaultProfile(capabilities)) : parseCustomProfile(choice, capabilities, kernel) };
}

/** A limit above what this machine allows is lowered to it: a default must not make every start fail. */
export function lowered(
  limit: { name: string; soft: bigint; hard: bigint },
  ceilings: ReadonlyMap<string, bigint>,
): { type: string; soft: bigint; hard: bigint } {
  const ceiling = ceilings.get(limit.name);
  const fit = (value: bigint): bigint => (ceiling !== undefined && value > ceiling ? ceiling : value);
  return { type: limit.name, soft: fit(limit.soft), hard: fit(limit.hard) };
}

/** JSON with bigint numbers written as they are: rlimits go up to 2^64 - 1. */
export function specJson(spec: object): string {
  return JSON.stringify(spec, (_key, value: unknown) => (typeof value === 'bigint' ? rawJson(value.toString()) : value));
}

/** In Node 24, not yet in the compiler's library. */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON: (text: string) => unknown };
