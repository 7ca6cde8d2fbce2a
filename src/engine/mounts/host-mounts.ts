/** From the mounts of a record to what a sandbox mounts. */
import type { HostMount } from '../../sandbox/sandbox.ts';
import type { MountPoint } from './mount-point.ts';

export function hostMounts(points: readonly MountPoint[], mountpoint: (volume: string) => string): HostMount[] {
  return points.flatMap((point): HostMount[] => {
    switch (point.type) {
      case 'bind':
        return [
          {
            source: point.source,
            subpath: '',
            destination: point.destination,
            writable: point.writable,
            readonlyBelow: point.readonlyBelow,
            recursive: point.recursive,
            propagation: point.propagation,
          },
        ];
      case 'volume':
        return [
          {
            source: mountpoint(point.name),
            subpath: point.subpath,
            destination: point.destination,
            writable: point.writable,
            readonlyBelow: 'possible',
            recursive: true,
            propagation: 'rprivate',
          },
        ];
      case 'tmpfs':
        return [];
    }
  });
}

export function tmpfsMounts(points: readonly MountPoint[]): Record<string, string> {
  return Object.fromEntries(points.flatMap((point) => (point.type === 'tmpfs' ? [[point.destination, point.options]] : [])));
}
