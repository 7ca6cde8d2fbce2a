import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import { layersOf, sharedLayers, totalSize } from '../images/layer-sizes.ts';
import type { Volumes } from '../../engine/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { all, Parameter } from '../query.ts';
import { apiMinor } from '../version.ts';
import { describeSize, containerSummary } from '../containers/summary.ts';
import { summariseImage } from '../images/summary.ts';
import { describeVolume } from '../volumes/describe.ts';

const TYPES = ['container', 'image', 'volume', 'build-cache'];

export function routeDiskUsage(api: Api, context: ApiContext): void {
  api.get('/system/df', { schema: { querystring: Type.Object({ type: Parameter }) } }, async (request) => {
    const types = all(request.query.type);
    for (const type of types) if (!TYPES.includes(type)) throw invalid(`unknown object type: ${type}`);
    const wants = (type: string): boolean => types.length === 0 || types.includes(type);
    const containers = context.engine.list({ all: true, filters: {} });
    return {
      ...(wants('image') && describeImages(context, containers, apiMinor(request.raw))),
      ...(wants('container') && { Containers: await describeContainers(context, containers) }),
      ...(wants('volume') && { Volumes: await describeVolumes(context.engine.volumes) }),
      ...(wants('build-cache') && { BuildCache: [], BuilderSize: 0 }),
    };
  });
}

type Containers = ReturnType<ApiContext['engine']['list']>;

/** A layer of several images is on the disk once. */
function describeImages({ images }: ApiContext, containers: Containers, minor: number): object {
  const records = images.list({ all: false, filters: {} });
  const layers = layersOf(records);
  const shared = sharedLayers(records);
  return {
    LayersSize: totalSize(records),
    Images: records.map((image) => ({
      ...summariseImage(image, minor),
      Containers: containers.filter((container) => container.imageId === image.id).length,
      SharedSize: image.chainIds.reduce((sum, chain) => sum + (shared.has(chain) ? (layers.get(chain) ?? 0) : 0), 0),
    })),
  };
}

async function describeContainers(context: ApiContext, containers: Containers): Promise<object[]> {
  const sizes = await context.engine.sizes(containers);
  const summarise = containerSummary(context);
  return containers.map((container) => ({ ...summarise(container), ...describeSize(sizes.get(container.id)) }));
}

async function describeVolumes(volumes: Volumes): Promise<object[]> {
  const described: object[] = [];
  // One after another: each walks a tree.
  for (const volume of volumes.list({}))
    described.push({ ...describeVolume(volume), UsageData: { Size: await volumes.size(volume.name), RefCount: volume.users.length } });
  return described;
}
