/** The versions of Docker's API that are spoken: a prefix `/v1.NN` chooses one, without it the newest is meant. */
import type { IncomingMessage } from 'node:http';

const MAX_API_MINOR = 51;
const MIN_API_MINOR = 24;
export const API_VERSION: string = `1.${String(MAX_API_MINOR)}`;
export const MIN_API_VERSION: string = `1.${String(MIN_API_MINOR)}`;

const PREFIX = /^\/v(\d+)\.(\d+)(?=[/?]|$)/;
const chosen = new WeakMap<IncomingMessage, number>();

/** The URL without its version prefix; a version that is not spoken stays, so that no route matches it. */
export function takeVersion(request: IncomingMessage, url: string): string {
  const match = PREFIX.exec(url);
  if (match === null) return url;
  const minor = Number(match[2]);
  if (match[1] !== '1' || minor > MAX_API_MINOR || minor < MIN_API_MINOR) return url;
  chosen.set(request, minor);
  const rest = url.slice(match[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** The minor version that this request's answer must look like. */
export function apiMinor(request: IncomingMessage): number {
  return chosen.get(request) ?? MAX_API_MINOR;
}

/** Docker's message for a prefix that names a version outside the range; undefined for other URLs. */
export function explainVersion(url: string): string | undefined {
  const match = PREFIX.exec(url);
  if (match === null) return undefined;
  const asked = `${String(match[1])}.${String(match[2])}`;
  const major = Number(match[1]);
  const minor = Number(match[2]);
  if (major > 1 || (major === 1 && minor > MAX_API_MINOR)) {
    return `client version ${asked} is too new. Maximum supported API version is ${API_VERSION}`;
  }
  if (major < 1 || minor < MIN_API_MINOR) {
    return `client version ${asked} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`;
  }
  return undefined;
}
