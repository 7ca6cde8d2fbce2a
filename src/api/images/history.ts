import type { ImageHistory, ImageRecord } from '../../images/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { ImageParams } from './reference.ts';

export function routeHistory(api: Api, { images }: ApiContext): void {
  api.get('/images/:name/history', { schema: { params: ImageParams } }, (request) => describeHistory(images.get(request.params.name)));
}

/** Newest first; only the newest has an image of its own. */
function describeHistory(image: ImageRecord): object[] {
  // An image may come without a history: its layers are told all the same.
  const steps: readonly ImageHistory[] = image.history.length > 0 ? image.history : image.diffIds.map(() => ({}));
  const sizes = image.layerSizes.values();
  const sized = steps.map((step) => ({
    step,
    size: step.empty_layer === true ? 0 : (sizes.next().value ?? 0),
  }));
  return sized.toReversed().map(({ step, size }, index) => ({
    Id: index === 0 ? image.id : '<missing>',
    Created: Math.floor((Date.parse(step.created ?? image.created) || 0) / 1000),
    CreatedBy: step.created_by ?? '',
    Tags: index === 0 ? image.references : null,
    Size: size,
    Comment: step.comment ?? '',
  }));
}
