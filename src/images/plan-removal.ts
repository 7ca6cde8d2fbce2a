/** What `docker rmi` does, decided from plain data: daemon/images/image_delete.go is the model, messages included. */
import type { ImageRecord } from './api.ts';
import { hexOf } from './digest.ts';
import { storedName } from './find-image.ts';

export interface RemovalRequest {
  /** As the user wrote it. */
  readonly given: string;
  readonly image: Pick<ImageRecord, 'id' | 'references' | 'digests'>;
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
  const byId = isIdPrefix(image.id, given);
  const all = [...image.references, ...image.digests];
  const names = namesUntagged(image, byId ? all[0] : storedName(given));
  const single = all.every((name) => names.includes(name));
  const retain = user !== undefined;
  if (!byId) {
    if (!force && single && user !== undefined) {
      return conflict(
        `unable to remove repository reference ${JSON.stringify(given)} (must force) - container ${user.id.slice(0, SHORT)} is using its referenced image ${short}`,
      );
    }
    // A running container keeps the image, without a name.
    return single && user?.running !== true ? { kind: 'delete', names, retain } : { kind: 'untag', names };
  }
  if (user?.running === true)
    return conflict(`unable to delete ${short} (cannot be forced) - image is being used by running container ${user.id.slice(0, SHORT)}`);
  if (!force && !single) return conflict(`unable to delete ${short} (must be forced) - image is referenced in multiple repositories`);
  if (!force && user !== undefined)
    return conflict(`unable to delete ${short} (must be forced) - image is being used by stopped container ${user.id.slice(0, SHORT)}`);
  return { kind: 'delete', names: all, retain };
}

/** With a repository's last tag its digests go. */
function namesUntagged({ references, digests }: RemovalRequest['image'], name: string | undefined): string[] {
  if (name === undefined) return [];
  if (name.includes('@')) return [name];
  const repository = repositoryOf(name);
  if (references.some((other) => other !== name && repositoryOf(other) === repository)) return [name];
  return [name, ...digests.filter((digest) => repositoryOf(digest) === repository)];
}

function repositoryOf(name: string): string {
  return name.includes('@') ? name.slice(0, name.indexOf('@')) : name.slice(0, name.lastIndexOf(':'));
}

function conflict(reason: string): Removal {
  return { kind: 'conflict', message: `conflict: ${reason}` };
}

function isIdPrefix(id: string, text: string): boolean {
  return id.startsWith(text) || hexOf(id).startsWith(text);
}
