/** `host`, `private`, `container:NAME` and their like: what Docker's mode fields say. */

export type Mode =
  | { readonly kind: 'own' } // nothing was said, or that it is the container's own
  | { readonly kind: 'host' }
  | { readonly kind: 'container'; readonly reference: string }
  | { readonly kind: 'named'; readonly name: string }; // a word that only this field knows

const CONTAINER = 'container:';

export function parseMode(text: string | undefined): Mode {
  if (text === undefined || text === '' || text === 'private') return { kind: 'own' };
  if (text === 'host') return { kind: 'host' };
  if (text.startsWith(CONTAINER)) return { kind: 'container', reference: text.slice(CONTAINER.length) };
  return { kind: 'named', name: text };
}

/** A network of its own is `bridge`, which has other names; every other word is a network's name. */
export function parseNetworkMode(text: string | undefined): Mode {
  if (text === 'private') return { kind: 'named', name: text };
  return text === 'default' || text === 'bridge' ? { kind: 'own' } : parseMode(text);
}
