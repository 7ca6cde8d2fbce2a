/** One mount of a container, as it is kept in its record. */
interface Place {
  readonly destination: string; // in the container
  readonly writable: boolean;
  /** As the request said it: Docker shows it. */
  readonly mode: string;
}

export interface BindPoint extends Place {
  readonly type: 'bind';
  readonly source: string; // on the host
  readonly propagation: string;
  readonly recursive: boolean;
  /** Whether read-only includes what is mounted below the source: as far as it can be, not at all, or else no start. */
  readonly readonlyBelow: 'possible' | 'no' | 'required';
  /** `-v` makes a directory where there is nothing, `--mount` refuses. */
  readonly makeSource: boolean;
}

export interface VolumePoint extends Place {
  readonly type: 'volume';
  readonly name: string;
  /** Nobody named it: `docker rm -v` removes it. */
  readonly anonymous: boolean;
  /** What the image has there goes into the volume when that is empty. */
  readonly copyUp: boolean;
  readonly subpath: string; // '': all of it
  /** Only from another container: how that one has it. */
  readonly propagation: string;
}

export interface TmpfsPoint extends Place {
  readonly type: 'tmpfs';
  readonly options: string; // as `--tmpfs` takes them
}

export type MountPoint = BindPoint | VolumePoint | TmpfsPoint;
