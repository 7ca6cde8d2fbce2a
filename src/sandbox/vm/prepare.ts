/**
 * The one container of a VM of its own: its mounts, and what a template's guest has ready for it. There the image is a placeholder,
 * which gives way to the container's image before anything is looked up in it (docs/decisions/0012).
 */
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { capabilityMask, resolveCapabilities } from '../capabilities.ts';
import { MASKED_PATHS, READONLY_PATHS, SHM_BYTES } from '../defaults.ts';
import { overlayOptions } from '../overlay.ts';
import { GUEST_DATA, GUEST_IMAGE, GUEST_ROOT } from './guest-paths.ts';
import { defaultProgram } from './guest-process.ts';
import type { Machine } from './machine.ts';

const IMAGE_DEVICE = '/dev/vdb';
const UPPER = `${GUEST_DATA}/upper`;
const WORK = `${GUEST_DATA}/work`;

/** Directories that every container has mounts on. */
const MOUNT_POINTS = ['dev', 'proc', 'sys'];
const OPAQUE = 1;

/** The writable disk, with the directories of the overlay. */
export function mountData(machine: Machine): Array<Promise<unknown>> {
  return [
    machine.mount({ source: '/dev/vda', target: GUEST_DATA, type: 'ext4', noatime: true, data: 'noinit_itable' }),
    makeDirectory(machine, UPPER, 0o755),
    makeDirectory(machine, WORK, 0o700),
  ];
}

/** The image, and the overlay of it and the writable disk. */
export function mountRoot(machine: Machine): Array<Promise<unknown>> {
  return [
    machine.mount({ source: IMAGE_DEVICE, target: GUEST_IMAGE, type: 'erofs', readonly: true }),
    machine.mount({
      source: 'overlay',
      target: GUEST_ROOT,
      type: 'overlay',
      noatime: true,
      data: overlayOptions([GUEST_IMAGE], UPPER, WORK),
    }),
  ];
}

/** Everything up to the request itself. The device must hold a placeholder, and be given another image before anything runs. */
export function prepareContainer(machine: Machine): Array<Promise<unknown>> {
  return [
    // Opaque, so that nobody asks the image whether it has them too.
    ...MOUNT_POINTS.map((name) => makeDirectory(machine, `${UPPER}/${name}`, 0o755, OPAQUE)),
    ...mountRoot(machine),
    machine.request(FrameType.PREPARE, prepareFields()),
  ];
}

/** PREPARE's fields: a start that asks for the same takes what was prepared. */
export function prepareFields(): FieldsBuilder {
  const capabilities = resolveCapabilities({ privileged: false, add: [], drop: [] });
  return new FieldsBuilder()
    .add(Tag.ROOT, GUEST_ROOT)
    .add(Tag.SOURCE, IMAGE_DEVICE)
    .addAll(Tag.MASKED, MASKED_PATHS)
    .addAll(Tag.READONLY, READONLY_PATHS)
    .add(Tag.SHM_SIZE, SHM_BYTES)
    .add(Tag.SECCOMP, defaultProgram(capabilities))
    .add(Tag.CAP_BOUNDING, capabilityMask(capabilities));
}

function makeDirectory(machine: Machine, path: string, mode: number, flags = 0): Promise<unknown> {
  return machine.request(FrameType.MKDIR, new FieldsBuilder().add(Tag.PATH, path).add(Tag.MODE, mode).add(Tag.FLAGS, flags));
}
