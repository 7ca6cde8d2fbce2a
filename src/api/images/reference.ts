import Type from 'typebox';

/** The image that a route's path names; its slashes are encoded there (url.ts). */
export const ImageParams: Type.TObject<{ name: Type.TString }> = Type.Object({
  name: Type.String(),
});

/** `repo` and `tag` as Docker's clients give them: the tag apart, or after the name. */
export function joinTag(repository: string, tag: string | undefined): string {
  return tag === undefined ? repository : `${repository}${tag.includes(':') ? '@' : ':'}${tag}`;
}

/** A colon after the last slash begins the tag; one before it is a port. */
export function splitTag(reference: string): { repository: string; tag: string | undefined } {
  const colon = reference.lastIndexOf(':');
  if (colon <= reference.lastIndexOf('/')) return { repository: reference, tag: undefined };
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}
