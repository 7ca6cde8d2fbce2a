/** A container's mounts, as `docker inspect` and `docker ps` have them. */
import type { Volumes } from '../../engine/api.ts';
import type { ContainerRecord } from '../../engine/record.ts';

export function describeMounts({ mounts }: ContainerRecord, volumes: Volumes): object[] {
  return (mounts ?? []).map((point) => ({
    Type: point.type,
    ...(point.type === 'volume' && { Name: point.name }),
    Source: point.type === 'bind' ? point.source : point.type === 'volume' ? volumes.mountpoint(point.name) : '',
    Destination: point.destination,
    ...(point.type === 'volume' && { Driver: 'local' }),
    Mode: point.mode,
    RW: point.writable,
    Propagation: point.type === 'tmpfs' ? '' : point.propagation,
  }));
}
