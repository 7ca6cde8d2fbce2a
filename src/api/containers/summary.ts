/** One line of `docker ps`. */
import type { ContainerSize } from '../../engine/api.ts';
import type { ContainerRecord } from '../../engine/record.ts';
import type { ApiContext } from '../context.ts';
import { summarisePorts } from './ports.ts';
import { describeMounts } from './mounts.ts';
import { describeEndpoints, networkMode } from './network-settings.ts';
import { describeStatus, statusOf } from './status.ts';

type Context = Pick<ApiContext, 'images' | 'config' | 'engine'>;

/** For a list: what its containers have in common is looked up once, and `now` is one moment for all. */
export function containerSummary(context: Context): (record: ContainerRecord, linkNames?: readonly string[]) => object {
  const now = Date.now();
  const ids = new Map<string, string | undefined>();
  return (record, linkNames) => {
    const { imageReference } = record;
    if (!ids.has(imageReference)) ids.set(imageReference, context.images.find(imageReference)?.id);
    return summarise(record, context, now, ids.get(imageReference), linkNames);
  };
}

function summarise(
  record: ContainerRecord,
  { config, engine }: Context,
  now: number,
  imageId: string | undefined,
  linkNames: readonly string[] = [],
): object {
  return {
    Id: record.id,
    Names: [`/${record.name}`, ...linkNames],
    // A reference that means another image by now would mislead.
    Image: imageId === record.imageId ? record.imageReference : record.imageId,
    ImageID: record.imageId,
    Command: record.command.map((word, index) => (index > 0 && word.includes(' ') ? `'${word}'` : word)).join(' '),
    Created: Math.floor(Date.parse(record.createdAt) / 1000),
    Ports: summarisePorts(record),
    Labels: record.config.Labels ?? {},
    State: statusOf(record),
    Status: describeStatus(record, now),
    HostConfig: { NetworkMode: networkMode(record) },
    NetworkSettings: { Networks: describeEndpoints(record, config) },
    Mounts: describeMounts(record, engine.volumes),
  };
}

/** No bytes of its own are told by their absence, as Docker does. */
export function describeSize(size: ContainerSize | undefined): object {
  return size === undefined ? {} : { ...(size.rw > 0 && { SizeRw: size.rw }), SizeRootFs: size.rootFs };
}
