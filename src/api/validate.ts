/** Checks requests against their TypeBox schemas, without changing them: no coercion, unknown fields stay. */
import type { FastifySchemaCompiler } from 'fastify';
import type { FastifySchemaValidationError } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { AbodeError } from '../base/errors.ts';
import { kindOf } from './json.ts';

export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  return (value) => {
    // Docker takes a missing body for an empty one; the routes that need more say so themselves.
    const checked: unknown = httpPart === 'body' && (value === undefined || value === null) ? {} : value;
    if (validator.Check(checked)) return { value: checked };
    return { error: explain(validator.Errors(checked), checked) };
  };
};

/** Go's words for the first value of a wrong type. */
function explain(errors: readonly FastifySchemaValidationError[], value: unknown): AbodeError {
  const wrong = errors.find((error) => error.keyword === 'type' && error.params['type'] !== 'null') ?? errors[0];
  if (wrong === undefined) return new AbodeError('invalid', 'invalid request');
  const path = wrong.instancePath.split('/').slice(1).map(unescapePointer);
  if (wrong.keyword !== 'type') return new AbodeError('invalid', `invalid JSON: ${path.join('.')} ${wrong.message ?? 'is wrong'}`);
  const found = path.reduce<unknown>((at, key) => (at instanceof Object ? Reflect.get(at, key) : undefined), value);
  const field = path.length === 0 ? 'value' : `field ${path.join('.')}`;
  return new AbodeError(
    'invalid',
    `invalid JSON: json: cannot unmarshal ${describe(found)} into ${field} of type ${String(wrong.params['type'])}`,
  );
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}

function describe(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? `number ${String(value)}` : kindOf(value);
}
