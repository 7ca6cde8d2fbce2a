import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { invalid, messageOf } from '../base/errors.ts';
import type { Spool } from './spool.ts';

/** A JSON file of the archive, checked. */
export async function readJson<T extends TSchema>(spool: Spool, name: string, schema: T): Promise<Static<T>> {
  const text = await spool.text(name);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`invalid manifest: ${name}: ${messageOf(error)}`);
  }
  if (!Value.Check(schema, value)) {
    const first = Value.Errors(schema, value)[0];
    throw invalid(`invalid manifest: ${name}${first === undefined ? '' : `: ${first.instancePath} ${first.message}`}`);
  }
  return value;
}
