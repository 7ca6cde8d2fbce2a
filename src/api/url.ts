/** Brings a request's URL into the form that the routes have. */
import type { IncomingMessage } from 'node:http';
import { takeVersion } from './version.ts';

const IMAGE_ACTION = /^\/images\/(.+)\/(json|history|get|tag|push)$/;
const IMAGE = /^\/images\/(.+)$/;

export function rewriteUrl(request: IncomingMessage): string {
  return joinImageName(request.method ?? 'GET', takeVersion(request, request.url ?? '/'));
}

/** An image's name holds slashes, a route's parameter cannot: they are encoded. */
function joinImageName(method: string, url: string): string {
  if (!url.startsWith('/images/')) return url;
  const query = url.indexOf('?');
  const path = query === -1 ? url : url.slice(0, query);
  const search = query === -1 ? '' : url.slice(query);
  const name = (method === 'DELETE' ? IMAGE : IMAGE_ACTION).exec(path);
  if (name?.[1]?.includes('/') !== true) return url;
  const joined = name[1].replaceAll('/', '%2F');
  return `/images/${joined}${name[2] === undefined ? '' : `/${name[2]}`}${search}`;
}
