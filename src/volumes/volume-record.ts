/** A volume of the local driver: a directory that outlives the containers it is mounted into. */
export interface VolumeRecord {
  readonly name: string;
  readonly createdAt: string; // RFC 3339
  /** null: none were given, which Docker tells apart from an empty set. */
  readonly labels: Readonly<Record<string, string>> | null;
  readonly options: Readonly<Record<string, string>> | null;
  /** Its removal was begun: it is nobody's any more, its directory may still be there. */
  readonly removing: boolean;
}

export interface NewVolume {
  readonly name: string;
  readonly driver: string; // '' is the local one
  readonly labels: Readonly<Record<string, string>> | null;
  readonly options: Readonly<Record<string, string>> | null;
}

/** Docker's mark of a volume that nobody named. */
export const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';

export function isAnonymous({ labels }: Pick<VolumeRecord, 'labels'>): boolean {
  return labels !== null && ANONYMOUS_LABEL in labels;
}
