/** The filters of `docker images`, with Docker's names, meanings and messages. */
import { invalid } from '../base/errors.ts';
import type { ImageRecord } from './api.ts';
import { compilePathPattern } from './path-match.ts';
import { familiarName, parseReference } from './reference.ts';

export type Filters = Readonly<Record<string, readonly string[]>>;

const KNOWN = ['reference', 'dangling', 'label', 'before', 'since'];

/** `get` finds the images that `before` and `since` name. */
export function filterImages(images: readonly ImageRecord[], filters: Filters, get: (reference: string) => ImageRecord): ImageRecord[] {
  const unknown = Object.keys(filters).find((key) => !KNOWN.includes(key));
  if (unknown !== undefined) throw invalid(`invalid filter '${unknown}'`);
  const dangling = readDangling(filters['dangling'] ?? []);
  const labels = (filters['label'] ?? []).map(readLabel);
  const before = Math.min(...(filters['before'] ?? []).map((reference) => timeOf(get(reference))));
  const since = Math.max(...(filters['since'] ?? []).map((reference) => timeOf(get(reference))));
  const patterns = (filters['reference'] ?? []).map(compileReferencePattern);
  return images
    .filter((image) => dangling === undefined || dangling === (image.references.length === 0))
    .filter((image) => labels.every((label) => label(image)))
    .filter((image) => timeOf(image) < before && timeOf(image) > since)
    .map((image) =>
      patterns.length === 0
        ? image
        : {
            ...image,
            references: image.references.filter((name) => patterns.some((matches) => matches(name))),
          },
    )
    .filter((image) => patterns.length === 0 || image.references.length > 0)
    .toSorted((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? -1 : 1));
}

function timeOf(image: ImageRecord): number {
  const time = Date.parse(image.created);
  return Number.isNaN(time) ? Date.parse('0001-01-01T00:00:00Z') : time;
}

function readDangling(values: readonly string[]): boolean | undefined {
  if (values.length === 0) return undefined;
  const yes = values.some((value) => value === 'true' || value === '1');
  const no = values.some((value) => value === 'false' || value === '0');
  if (yes === no) throw invalid(`invalid filter 'dangling=[${values.join(' ')}]'`);
  return yes;
}

function readLabel(text: string): (image: ImageRecord) => boolean {
  const at = text.indexOf('=');
  const key = at < 0 ? text : text.slice(0, at);
  return ({ config }) => {
    const value = Object.hasOwn(config.Labels ?? {}, key) ? config.Labels?.[key] : undefined;
    return value !== undefined && (at < 0 || value === text.slice(at + 1));
  };
}

/** The whole name or the repository may match. */
function compileReferencePattern(pattern: string): (name: string) => boolean {
  const matches = compilePathPattern(pattern);
  return (name) => matches(name) || matches(familiarName(parseReference(name)));
}
