/** `X-Registry-Auth`: what a client knows of a registry, as JSON in base64url. */
import { AbodeError } from '../../base/errors.ts';

const HEADER = 'x-registry-auth';

/** Undefined where there are none: like Docker, a pull takes a header that says nothing usable for none. */
export function readCredentials(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): { username: string; password: string } | undefined {
  const header = headers[HEADER];
  if (typeof header !== 'string') return undefined;
  const given = parse(Buffer.from(header, 'base64url').toString());
  if (text(given, 'registrytoken') !== '' || text(given, 'identitytoken') !== '') {
    throw new AbodeError('not-implemented', 'registry tokens are not available in this version: log in with a user name and a password');
  }
  const username = text(given, 'username');
  return username === '' ? undefined : { username, password: text(given, 'password') };
}

function parse(json: string): object {
  try {
    const given: unknown = JSON.parse(json);
    return typeof given === 'object' && given !== null ? given : {};
  } catch (error) {
    // The parser's message would quote the password.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function text(given: object, name: string): string {
  const value: unknown = Object.entries(given).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof value === 'string' ? value : '';
}
