/** Request bodies: JSON of at most 8 MiB, read by Docker's rules, or the bytes as they come. */
import type { IncomingMessage } from 'node:http';
import { AbodeError, invalid } from '../base/errors.ts';
import type { Api } from './context.ts';
import { explainJson } from './json.ts';

export const MAX_JSON: number = 8 << 20;

/** Every body of this scope's routes is JSON, whatever else its type may be: another type is refused. */
export function acceptJson(api: Api): void {
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_JSON }, (request, body, done) => {
    try {
      done(null, parseJson(request.headers['content-type'] ?? '', body.toString()));
    } catch (error) {
      done(error instanceof Error ? error : new AbodeError('internal', String(error)));
    }
  });
}

/** The routes of this scope read the body themselves, as a stream, whatever its type. */
export function acceptBytes(api: Api): void {
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('*', (_request, _payload, done) => {
    done(null);
  });
}

export function parseJson(contentType: string, text: string): unknown {
  if (text === '') return undefined;
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === '') throw invalid(`malformed Content-Type header (${contentType}): mime: no media type`);
  if (type !== 'application/json') throw invalid(`unsupported Content-Type header (${contentType}): must be 'application/json'`);
  if (text.trim() === '') throw emptyBody();
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = explainJson(error, text);
    throw invalid(why.endsWith('after top-level value') ? 'unexpected content after JSON' : `invalid JSON: ${why}`);
  }
}

export function emptyBody(): AbodeError {
  return invalid('invalid JSON: got EOF while reading request body');
}

/** Takes what the client still sends, so that it gets to read its answer. */
export function discardBody(request: IncomingMessage): void {
  request.on('error', () => undefined);
  request.resume();
}
