/** What a template's guest has ready for the one container of a VM of its own. */
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { MASKED_PATHS, READONLY_PATHS, SHM_BYTES } from '../defaults.ts';

/** The container's name inside its VM: the agent prepares it before anybody knows the real one. */
export const GUEST_CONTAINER = 'container';
/** Where a VM of its own has the image, and the container's root filesystem made of it and the writable disk. */
export const GUEST_IMAGE = '/run/abode/image';
export const GUEST_ROOT = '/run/abode/root';
/** Where the writable disk is mounted in the guest. */
export const GUEST_DATA = '/run/abode/data';

/** PREPARE's fields: a start that asks for the same takes what was prepared. */
export function prepareFields(): FieldsBuilder {
  return new FieldsBuilder().addAll(Tag.MASKED, MASKED_PATHS).addAll(Tag.READONLY, READONLY_PATHS).add(Tag.SHM_SIZE, SHM_BYTES);
}
