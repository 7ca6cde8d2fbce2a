/** Docker's `filters` parameter: a JSON object of lists, or, from old clients, of objects whose keys are the values. */
import { invalid } from '../base/errors.ts';
import { explainJson } from './json.ts';
import { type Parameter, first } from './query.ts';

export type Filters = Readonly<Record<string, readonly string[]>>;

export function parseFilters(parameter: Parameter, accepted: readonly string[]): Filters {
  const text = first(parameter);
  if (text === undefined) return {};
  const filters: Record<string, readonly string[]> = {};
  for (const [key, value] of Object.entries(parseObject(text))) {
    if (!accepted.includes(key)) throw invalid(`invalid filter '${key}'`);
    const values = valuesOf(value);
    if (values.length > 0) filters[key] = values;
  }
  return filters;
}

function parseObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`invalid filter: ${explainJson(error, text)}`);
  }
  if (value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid('invalid filter: not an object of lists');
  return value;
}

function valuesOf(value: unknown): string[] {
  if (value === null) return [];
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value;
  if (typeof value === 'object' && !Array.isArray(value)) {
    return Object.entries(value)
      .filter(([, on]) => on === true)
      .map(([name]) => name);
  }
  throw invalid('invalid filter: each key takes a list of strings');
}

/** The one boolean of a filter such as `dangling`. */
export function filterFlag(filters: Filters, key: string, missing: boolean): boolean {
  const values = filters[key];
  if (values === undefined) return missing;
  const [value] = values;
  if (values.length === 1 && value !== undefined) {
    if (['1', 'true', 'True', 'TRUE', 't', 'T'].includes(value)) return true;
    if (['0', 'false', 'False', 'FALSE', 'f', 'F'].includes(value)) return false;
  }
  throw invalid(`invalid filter '${key}=[${values.join(' ')}]'`);
}
