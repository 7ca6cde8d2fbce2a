/** Events of images, as Docker has them: by id, with the labels, and a name that is the reference or, where none is meant, the id. */
import type { ApiContext } from '../context.ts';

export function announceImage(
  { engine, images }: Pick<ApiContext, 'engine' | 'images'>,
  action: string,
  id: string,
  name: string = id,
): void {
  const labels = images.find(id)?.config.Labels ?? {};
  engine.announce({ type: 'image', action, id, attributes: { ...labels, name } });
}
