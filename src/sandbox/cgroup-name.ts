/** Where a container's cgroup is, in every hierarchy; one with a parent of its own is written down for those who know the container's id alone. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfThere } from '../base/files.ts';
import type { ContainerSpec } from './sandbox.ts';

/** In the run directory. */
export const CGROUP_FILE = 'cgroup';
const DEFAULT_PARENT = 'abode';

/** Relative to the root of a hierarchy; `..` leads nowhere above it. */
export function cgroupName({ id, cgroupParent = DEFAULT_PARENT }: Pick<ContainerSpec, 'id' | 'cgroupParent'>): string {
  return join('/', cgroupParent, id).slice(1);
}

export async function recordCgroup(spec: ContainerSpec): Promise<void> {
  await mkdir(spec.runDir, { recursive: true, mode: 0o711 });
  await writeFile(join(spec.runDir, CGROUP_FILE), cgroupName(spec));
}

export async function recordedCgroup({ id, runDir }: Pick<ContainerSpec, 'id' | 'runDir'>): Promise<string> {
  return (await readFileIfThere(join(runDir, CGROUP_FILE))) ?? cgroupName({ id });
}
