import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { all, Parameter } from '../query.ts';
import { apiMinor } from '../version.ts';
import { summariseContainer } from '../containers/summary.ts';
import { summariseImage } from '../images/summary.ts';

export function routeDiskUsage(api: Api, context: ApiContext): void {
  api.get('/system/df', { schema: { querystring: Type.Object({ type: Parameter }) } }, (request) => {
    const types = all(request.query.type);
    const wants = (type: string): boolean => types.length === 0 || types.includes(type);
    const containers = context.engine.list({ all: true, filters: {} });
    const images = context.images.list({ all: false, filters: {} });
    return {
      ...(wants('image') && {
        LayersSize: images.reduce((sum, image) => sum + image.size, 0),
        Images: images.map((image) => ({
          ...summariseImage(image, apiMinor(request.raw)),
          Containers: containers.filter((container) => container.imageId === image.id).length,
          SharedSize: 0,
        })),
      }),
      ...(wants('container') && {
        Containers: containers.map((container) => summariseContainer(container, context, Date.now())),
      }),
      ...(wants('volume') && { Volumes: [] }),
      ...(wants('build-cache') && { BuildCache: [], BuilderSize: 0 }),
    };
  });
}
