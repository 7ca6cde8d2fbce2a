/** What `docker rmi` does, decided from plain data: daemon/images/image_delete.go is the model, messages included. */
import type { ImageRecord } from './api.ts';
import { hexOf } from './digest.ts';
import { familiarString, parseReference, withDefaultTag } from './reference.ts';

export interface RemovalRequest {
  /** As the user wrote it. */
  readonly given: string;
  readonly image: Pick<ImageRecord, 'id' | 'references'>;
  readonly force: boolean;
  readonly user: { readonly id: string; readonly running: boolean } | undefined;
}

export type Removal =
  | { readonly kind: 'conflict'; readonly message: string }
  | { readonly kind: 'untag'; readonly names: readonly string[] } // the image stays
  | { readonly kind: 'delete'; readonly names: readonly string[]; readonly retain: boolean }; // retain: a stopped container needs the layers

const SHORT = 12;

export function planRemoval({ given, image, force, user }: RemovalRequest): Removal {
  const short = hexOf(image.id).slice(0, SHORT);
  const single = image.references.length <= 1;
  const retain = user !== undefined;
  if (!isIdPrefix(image.id, given)) {
    if (!force && single && user !== undefined) {
      return conflict(
        `unable to remove repository reference ${JSON.stringify(given)} (must force) - container ${user.id.slice(0, SHORT)} is using its referenced image ${short}`,
      );
    }
    const names = [familiarString(withDefaultTag(parseReference(given)))];
    // A running container keeps the image, without a name.
    return single && user?.running !== true ? { kind: 'delete', names, retain } : { kind: 'untag', names };
  }
  if (user?.running === true)
    return conflict(`unable to delete ${short} (cannot be forced) - image is being used by running container ${user.id.slice(0, SHORT)}`);
  if (!force && !single) return conflict(`unable to delete ${short} (must be forced) - image is referenced in multiple repositories`);
  if (!force && user !== undefined)
    return conflict(`unable to delete ${short} (must be forced) - image is being used by stopped container ${user.id.slice(0, SHORT)}`);
  return { kind: 'delete', names: image.references, retain };
}

function conflict(reason: string): Removal {
  return { kind: 'conflict', message: `conflict: ${reason}` };
}

function isIdPrefix(id: string, text: string): boolean {
  return id.startsWith(text) || hexOf(id).startsWith(text);
}
