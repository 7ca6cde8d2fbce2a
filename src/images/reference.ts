/** Image names as Docker reads and shows them (the grammar of distribution/reference). */
import { invalid } from '../base/errors.ts';

export interface Reference {
  readonly domain: string; // docker.io where none was given
  readonly path: string; // library/NAME for Docker's own short names
  readonly tag?: string;
  readonly digest?: string;
}

const DEFAULT_DOMAIN = 'docker.io';
const OFFICIAL = 'library/';
const NAME_MAX = 255;

const component = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainPattern = new RegExp(`^(?:${component}(?:\\.${component})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const pathComponent = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const pathPattern = new RegExp(`^${pathComponent}(?:/${pathComponent})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const hexId = /^[0-9a-f]{64}$/;

/** `NAME[:TAG][@DIGEST]`, completed with the default domain and prefix; the tag stays as given. */
export function parseReference(text: string): Reference {
  if (hexId.test(text)) throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const [named, digest] = cut(text, '@');
  const { domain, remainder } = splitDomain(named);
  const [path, tag] = cut(remainder, ':');
  if (path !== path.toLowerCase()) throw invalid(`invalid reference format: repository name (${path}) must be lowercase`);
  if (!domainPattern.test(domain) || !pathPattern.test(path)) throw invalid('invalid reference format');
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid('invalid reference format');
  if (digest !== undefined && !digestPattern.test(digest)) throw invalid('invalid reference format');
  if (domain.length + 1 + path.length > NAME_MAX) throw invalid(`repository name must not be more than ${String(NAME_MAX)} characters`);
  return {
    domain,
    path,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}

/** The repository alone, for `tag`: a tag or digest in it is dropped, as Docker does. */
export function withTag(repository: string, tag: string): Reference {
  const { domain, path } = parseReference(repository);
  if (tag !== '' && !tagPattern.test(tag)) throw invalid('invalid tag format');
  return { domain, path, tag: tag === '' ? 'latest' : tag };
}

export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

/** The name without tag, as Docker shows it. */
export function familiarName({ domain, path }: Reference): string {
  if (domain !== DEFAULT_DOMAIN) return `${domain}/${path}`;
  const short = path.startsWith(OFFICIAL) ? path.slice(OFFICIAL.length) : path;
  // library/a/b would be read as a/b, and docker.io/a.b/c as a name on a.b: only what is read back may be shortened.
  return [short, path].find((text) => isSame(splitDomain(text), path)) ?? `${domain}/${path}`;
}

export function familiarString(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${familiarName(reference)}${tag}${digest}`;
}

function isSame(split: { domain: string; remainder: string }, path: string): boolean {
  return split.domain === DEFAULT_DOMAIN && split.remainder === path;
}

/** A first component is a registry only when it cannot be a user's name. */
function splitDomain(named: string): { domain: string; remainder: string } {
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const isDomain = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const domain = isDomain ? first : DEFAULT_DOMAIN;
  const remainder = isDomain ? named.slice(slash + 1) : named;
  if (domain !== DEFAULT_DOMAIN && domain !== 'index.docker.io') return { domain, remainder };
  return {
    domain: DEFAULT_DOMAIN,
    remainder: remainder.includes('/') ? remainder : OFFICIAL + remainder,
  };
}

function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
