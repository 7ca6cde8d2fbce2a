/**
 * The files of a VM that does not run. The host never mounts a disk that a guest could write: a guest of the VM's own is started on it,
 * without network and without the container (docs/decisions/0024).
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCgroup } from '../cgroup.ts';
import type { FileAccess } from '../file-access.ts';
import type { ContainerSpec } from '../sandbox.ts';
import { Shim } from '../shim.ts';
import { guestFileAccess } from './guest-file-access.ts';
import { GUEST_DATA, GUEST_IMAGE, GUEST_ROOT, GUEST_SCRATCH } from './guest-paths.ts';
import { padImageDisk } from './image-disk.ts';
import { Machine } from './machine.ts';
import { mountData, mountRoot } from './prepare.ts';
import { chooseShape } from './shape.ts';
import type { VmHost } from './vm-host.ts';
import { machineId } from './vm-sandbox.ts';

const START_MS = 120_000;
const STOP_MS = 10_000;

export async function openRestingVm(host: VmHost, spec: ContainerSpec): Promise<FileAccess> {
  const { id, runDir, rootDir } = spec;
  const cgroup = `abode/${id}`;
  const [image] = await Promise.all([spec.disk(), mkdir(rootDir, { recursive: true, mode: 0o710 })]);
  await padImageDisk(image.path);
  // Ends with this daemon: nobody else would know what it is for.
  const machine = new Machine(await Shim.spawn(host.options.agentPath, runDir, { ephemeral: true }));
  const release = async (): Promise<void> => {
    await machine.shutDown(STOP_MS);
    machine.shim.disconnect();
    await removeCgroup(cgroup);
    await rm(runDir, { recursive: true, force: true });
  };
  try {
    await host.launch(machine, {
      name: `abode-files-${id.slice(0, 12)}`,
      boot: 'template',
      // The smallest: it only moves files.
      shape: chooseShape(1, 0),
      network: false,
      tap: undefined,
      imageDisks: [image.path],
      dataDisk: join(rootDir, 'data.img'),
      runDir,
      cgroup,
      microCpus: 0,
      paused: false,
      prepared: false,
      files: false,
    });
    await Promise.all([machine.guest(START_MS), machine.identify(undefined, machineId(id)), ...mountData(machine), ...mountRoot(machine)]);
  } catch (error) {
    await release();
    throw error;
  }
  const places = { root: [GUEST_ROOT], upper: `${GUEST_DATA}/upper`, lower: GUEST_IMAGE, scratch: GUEST_SCRATCH };
  return guestFileAccess(machine, places, spec.files, release);
}
