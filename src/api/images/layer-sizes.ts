/** Layers of several images: each is on the disk once. */
import type { ImageRecord } from '../../images/api.ts';

/** Bytes of each, by its chain id. */
export function layersOf(images: readonly ImageRecord[]): Map<string, number> {
  return new Map(images.flatMap(({ chainIds, layerSizes }) => chainIds.map((chain, index) => [chain, layerSizes[index] ?? 0] as const)));
}

/** Those that more than one image has. */
export function sharedLayers(images: readonly ImageRecord[]): Set<string> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { chainIds } of images) {
    for (const chain of new Set(chainIds)) {
      if (seen.has(chain)) shared.add(chain);
      seen.add(chain);
    }
  }
  return shared;
}

export function totalSize(images: readonly ImageRecord[]): number {
  return [...layersOf(images).values()].reduce((sum, size) => sum + size, 0);
}
