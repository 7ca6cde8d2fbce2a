/** Errors as HTTP: the one table from code to status, and Docker's body. */
import type { FastifyReply } from 'fastify';
import { AbodeError, type ErrorCode, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Api } from './context.ts';
import { explainVersion } from './version.ts';

/** docs/errors.md explains each; a test holds the two together. */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'not-modified': 304,
  'not-implemented': 501,
  unavailable: 503,
  internal: 500,
};

export function statusOf(error: unknown): number {
  if (error instanceof AbodeError) return STATUS[error.code];
  if (!(error instanceof Error)) return STATUS.internal;
  if ('code' in error && error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return STATUS.invalid;
  const status = 'statusCode' in error ? Number(error.statusCode) : STATUS.internal;
  return status >= 400 && status < 600 ? status : STATUS.internal;
}

/** What a person reads: what happened, then what to do. */
export function describeError(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return 'invalid JSON: http: request body too large';
  }
  const message = messageOf(error);
  return error instanceof AbodeError && error.hint !== undefined ? `${message}. ${error.hint}` : message;
}

export function answerErrors(api: Api, log: Log): void {
  api.setErrorHandler((error, request, reply) => {
    const status = statusOf(error);
    if (status === STATUS.internal) log.error({ err: error, method: request.method, url: request.url }, 'request failed');
    return sendError(reply, status, describeError(error));
  });
  api.setNotFoundHandler((request, reply) => {
    const version = explainVersion(request.url);
    return version === undefined ? sendError(reply, 404, 'page not found') : sendError(reply, 400, version);
  });
}

function sendError(reply: FastifyReply, status: number, message: string): FastifyReply {
  reply.code(status);
  if (status === STATUS['not-modified']) return reply.send();
  return reply.header('content-type', 'application/json').send(JSON.stringify({ message }));
}
