/** One line of `docker images`. */
import type { ImageRecord } from '../../images/api.ts';

export function summariseImage(image: ImageRecord, apiMinor: number): object {
  return {
    Containers: -1,
    Created: Math.floor((Date.parse(image.created) || 0) / 1000),
    Id: image.id,
    Labels: image.config.Labels ?? null,
    ParentId: '',
    RepoDigests: image.digests,
    RepoTags: image.references,
    SharedSize: -1,
    Size: image.size,
    ...(apiMinor < 44 && { VirtualSize: image.size }),
  };
}
