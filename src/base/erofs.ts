/** How EROFS images are made, so that all of them have the superblock that templates of VMs know (sandbox/vm/erofs.ts). */
import { systemEnvironment } from './process.ts';

/**
 * mkfs.erofs clamps file times to this and takes it as its own: so late that only the file system's own time is fixed. Seconds since 1970.
 */
export const EROFS_BUILD_TIME: number = Date.UTC(2100, 0, 1) / 1000;
/** The filesystem's id is fixed too, and no extended attributes are gathered in an area of their own. */
export const MKFS_EROFS_OPTIONS: readonly string[] = ['--quiet', '-U', '00000000-0000-0000-0000-000000000000', '-x', '1000000'];
export const mkfsErofsEnvironment: NodeJS.ProcessEnv = { ...systemEnvironment, SOURCE_DATE_EPOCH: String(EROFS_BUILD_TIME) };
