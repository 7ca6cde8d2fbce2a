import type { NewVolume } from '../../volumes/volume-record.ts';
import type { BindPoint, TmpfsPoint, VolumePoint } from './mount-point.ts';

/** A mount as a request names it, and the volume that it needs: made when it is not there. */
export type ParsedMount = BindPoint | TmpfsPoint | { readonly point: VolumePoint; readonly volume: NewVolume };

export function pointOf(mount: ParsedMount): BindPoint | TmpfsPoint | VolumePoint {
  return 'point' in mount ? mount.point : mount;
}
