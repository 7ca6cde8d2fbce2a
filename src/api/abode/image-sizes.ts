/** What an image takes on the disk in each isolation. */
import { Type } from 'typebox';
import type { Api, ApiContext } from '../context.ts';

const Params = Type.Object({ id: Type.String() });

/** Bytes: of the unpacked layers that containers share, and of the block device that VMs share, when it was made. */
export function routeImageSizes(api: Api, { images }: ApiContext): void {
  api.get('/abode/images/:id/sizes', { schema: { params: Params } }, (request) => {
    const image = images.get(request.params.id);
    const disk = images.diskSize(image);
    return { layers: image.size, ...(disk === undefined ? {} : { disk }) };
  });
}
