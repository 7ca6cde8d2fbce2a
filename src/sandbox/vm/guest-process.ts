/** START_PROCESS: a container's process on the agent's own quick path in a VM. */
import { fileField, type FieldsBuilder, rlimitField, Tag } from '../../agent-client/fields.ts';
import { capabilityMask } from '../capabilities.ts';
import { RLIMITS } from '../ceilings.ts';
import { stdioFields } from '../process-fields.ts';
import type { ContainerSpec, ProcessSpec, Security } from '../sandbox.ts';
import { GUEST_CONTAINER } from './guest-paths.ts';
import { compileBpf } from '../seccomp/bpf.ts';
import { customFilter } from '../seccomp/custom-filter.ts';
import { defaultFilter } from '../seccomp/default-filter.ts';
import { parseCustomProfile } from '../seccomp/oci.ts';
import { defaultProfile } from '../seccomp/profile.ts';

/** Every capability: in a VM nothing of the host's limits them. */
const ALL = (1n << 41n) - 1n;

export interface GuestFile {
  readonly destination: string;
  readonly content: Buffer;
}

export function processFields(spec: ContainerSpec, process: ProcessSpec, root: string): FieldsBuilder {
  const { security } = spec;
  const privileged = security.privileged || process.privileged;
  const capabilities = privileged ? ALL : capabilityMask(security.capabilities);
  return stdioFields(process)
    .add(Tag.CONTAINER, GUEST_CONTAINER)
    .add(Tag.ROOT, root)
    .addAll(Tag.ARG, process.args)
    .addAll(Tag.ENV, process.env)
    .add(Tag.CWD, process.cwd)
    .add(Tag.USER, process.user)
    .addAll(Tag.GROUP_ADD, process.groupAdd)
    .add(Tag.CAP_BOUNDING, capabilities)
    .add(Tag.CAP_EFFECTIVE, capabilities)
    .add(Tag.CAP_PERMITTED, capabilities)
    .add(Tag.CAP_INHERITABLE, 0)
    .add(Tag.CAP_AMBIENT, 0)
    .add(Tag.NO_NEW_PRIVS, security.noNewPrivileges)
    .add(Tag.SECCOMP, privileged ? undefined : seccompFilter(security))
    .addAll(
      Tag.RLIMIT,
      spec.rlimits.map((limit) => rlimitField(RLIMITS.get(limit.name) ?? 0, limit.soft, limit.hard)),
    )
    .add(Tag.OOM_SCORE_ADJ, spec.oomScoreAdj);
}

/** What only a container's first process brings: its namespaces' contents and limits. */
/** A tmpfs there is mounted after the mount that it is below. */
export function isBelowMount(destination: string, { mounts }: ContainerSpec): boolean {
  return mounts.some((mount) => destination.startsWith(`${mount.destination}/`));
}

export function initFields(fields: FieldsBuilder, spec: ContainerSpec, files: readonly GuestFile[]): FieldsBuilder {
  const { security, limits } = spec;
  return fields
    .addAll(Tag.MASKED, security.maskedPaths)
    .addAll(Tag.READONLY, security.readonlyPaths)
    .addAll(
      Tag.FILE,
      files.map(({ destination, content }) => fileField(destination, content)),
    )
    .addAll(
      Tag.TMPFS,
      Object.entries(spec.tmpfs)
        .filter(([destination]) => !isBelowMount(destination, spec))
        .map(([destination, options]) => `${destination}:${options}`),
    )
    .addAll(
      Tag.SYSCTL,
      Object.entries(spec.sysctls).map(([name, value]) => `${name}=${value}`),
    )
    .add(Tag.LIMIT_MEMORY, limits.memory)
    .add(Tag.LIMIT_CPU, limits.microCpus)
    .add(Tag.LIMIT_PIDS, limits.pids)
    .add(Tag.HOSTNAME, spec.hostname)
    .add(Tag.DOMAINNAME, spec.domainname)
    .add(Tag.PRIVILEGED, security.privileged)
    .add(Tag.READONLY_ROOT, security.readonlyRoot)
    .add(Tag.SHM_SIZE, spec.shmSize)
    .add(Tag.INIT, spec.runInit);
}

/** The program of the container's profile; an error where it is none, or none that a VM can have. */
export function seccompFilter({ seccomp, capabilities, kernel }: Security): Buffer | undefined {
  if (seccomp === 'unconfined') return undefined;
  if (seccomp === 'default') return defaultProgram(capabilities);
  return compileBpf(customFilter(parseCustomProfile(seccomp, capabilities, kernel)));
}

const programs = new Map<string, Buffer>();

/** Compiled once for each set of capabilities. */
export function defaultProgram(capabilities: readonly string[]): Buffer {
  const key = capabilities.join();
  let program = programs.get(key);
  if (program === undefined) {
    program = compileBpf(defaultFilter(defaultProfile(capabilities)));
    programs.set(key, program);
  }
  return program;
}
