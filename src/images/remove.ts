import { conflict } from '../base/errors.ts';
import type { Images } from './api.ts';
import { findImage, noSuchImage } from './find-image.ts';
import type { StoreParts } from './load.ts';
import { planRemoval } from './plan-removal.ts';

type Options = Parameters<Images['remove']>[1];
type Answer = Awaited<ReturnType<Images['remove']>>;

/** In one turn: an image that somebody starts to use meanwhile is seen as used or gone, never between. */
export function removeImage({ images, layers }: StoreParts, given: string, { force, inUse }: Options): Answer {
  const image = findImage(images, given, { retained: false });
  if (image === undefined) throw noSuchImage(given);
  const plan = planRemoval({ given, image, force, user: inUse(image.id) });
  if (plan.kind === 'conflict') throw conflict(plan.message);
  const answer: Answer = plan.names.map((name) => ({ Untagged: name }));
  images.transaction(() => {
    for (const name of plan.names) images.unname(name);
    if (plan.kind === 'delete') {
      if (plan.retain) images.retain(image.id);
      else images.delete(image.id);
    }
    for (const id of images.retained()) if (inUse(id) === undefined) images.delete(id);
  });
  if (plan.kind === 'delete') answer.push({ Deleted: image.id });
  const removed = layers.collect().map((chain) => ({ Deleted: chain }));
  return [...answer, ...removed];
}
