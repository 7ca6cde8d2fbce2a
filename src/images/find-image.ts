/** Which image a person means, in Docker's order: whole id, name, beginning of an id. */
import { type AbodeError, notFound } from '../base/errors.ts';
import type { ImageRecord } from './api.ts';
import { isDigest } from './digest.ts';
import type { ImageTable } from './image-table.ts';
import { type Reference, familiarString, parseReference, withDefaultTag } from './reference.ts';

const wholeHex = /^[0-9a-f]{64}$/;

/** `retained`: a whole id also finds what was removed by force and is kept for a container. */
export function findImage(images: ImageTable, text: string, options: { retained: boolean }): ImageRecord | undefined {
  if (isDigest(text) || wholeHex.test(text)) return images.byId(isDigest(text) ? text : `sha256:${text}`, options);
  if (/^sha256:[0-9a-f]+$/.test(text)) return images.byPrefix(text);
  return images.byName(storedName(text)) ?? images.byPrefix(text);
}

/** As the table has it. Beside a digest a tag says nothing. */
export function storedName(text: string): string {
  const { domain, path, tag, digest } = withDefaultTag(parseReference(text));
  return familiarString({ domain, path, ...(digest === undefined ? tag !== undefined && { tag } : { digest }) });
}

export function noSuchImage(text: string): AbodeError {
  if (wholeHex.test(text)) return notFound(`No such image: sha256:${text}`);
  if (text.startsWith('sha256:')) return notFound(`No such image: ${text}`);
  return notFound(`No such image: ${familiarString(withDefaultTag(parseReference(text)))}`);
}

/** The images to save and the names to save them under: of a name without tag all tags, of an id none. */
export function selectForSave(images: ImageTable, text: string): { image: ImageRecord; names: string[] }[] {
  const reference = parseName(text);
  if (reference !== undefined && reference.tag === undefined && reference.digest === undefined) {
    const prefix = `${familiarString(reference)}:`;
    const selected = images
      .list()
      .map((image) => ({
        image,
        names: image.references.filter((name) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/')),
      }))
      .filter(({ names }) => names.length > 0);
    if (selected.length > 0) return selected;
  }
  const image = findImage(images, text, { retained: false });
  if (image === undefined) throw noSuchImage(text);
  const name = reference === undefined ? undefined : familiarString(withDefaultTag(reference));
  return [{ image, names: image.references.filter((known) => known === name) }];
}

function parseName(text: string): Reference | undefined {
  return wholeHex.test(text) || text.startsWith('sha256:') ? undefined : parseReference(text);
}
