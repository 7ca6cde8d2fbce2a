/** Answers that are sent bit by bit: the headers at once, then what comes, until it ends or somebody leaves. */
import type { Writable } from 'node:stream';
import { messageOf } from '../../base/errors.ts';
import type { AnyReply, ApiContext } from '../context.ts';
import type { OpenStreams } from './open-streams.ts';

export interface StreamedReply {
  readonly output: Writable;
  /** Aborted when the client left or the daemon closes. */
  readonly signal: AbortSignal;
}

/** From the daemon's closing until whoever did not end by then is cut off. */
const CLOSE_GRACE_MS = 500;

/** Follows a connection: aborted when it closes or when the daemon does. */
export function followConnection(connection: Writable, streams: OpenStreams): AbortController {
  const controller = new AbortController();
  connection.on('close', () => {
    streams.remove(controller);
    controller.abort();
  });
  controller.signal.addEventListener('abort', () => {
    const timer = setTimeout(() => connection.destroy(), CLOSE_GRACE_MS);
    connection.on('close', () => {
      clearTimeout(timer);
    });
  });
  // Who left while the answer was prepared is told by no event any more.
  if (connection.destroyed) controller.abort();
  else streams.add(controller);
  // A client that resets its connection has left; `close` follows and says so.
  connection.on('error', () => undefined);
  return controller;
}

/** Takes the answer over from the framework; `produce` writes the body. An error breaks the connection off: no status can tell it any more. */
export function streamReply(
  reply: AnyReply,
  { streams, log }: Pick<ApiContext, 'streams' | 'log'>,
  contentType: string,
  produce: (stream: StreamedReply) => Promise<void>,
): void {
  const controller = followConnection(reply.raw, streams);
  sendHead(reply, contentType);
  produce({ output: reply.raw, signal: controller.signal }).then(
    () => {
      reply.raw.end();
    },
    (error: unknown) => {
      if (controller.signal.aborted) {
        reply.raw.end();
        return;
      }
      log.error({ err: error }, `a stream broke off: ${messageOf(error)}`);
      reply.raw.destroy();
    },
  );
}

export function sendHead(reply: AnyReply, contentType: string): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.raw.writeHead(200, { 'content-type': contentType });
  reply.raw.flushHeaders();
}
