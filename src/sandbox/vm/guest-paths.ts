/** Where things are in the guest of a VM of its own. */

/** The container's name inside its VM: the agent prepares it before anybody knows the real one. */
export const GUEST_CONTAINER = 'container';
/** The image, and the container's root filesystem made of it and the writable disk. */
export const GUEST_IMAGE = '/run/abode/image';
export const GUEST_ROOT = '/run/abode/root';
/** Where what is needed for a moment is put. */
export const GUEST_SCRATCH = '/run/abode/scratch';
/** Where the writable disk is mounted. */
export const GUEST_DATA = '/run/abode/data';
