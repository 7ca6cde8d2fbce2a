/** Gives an attached process to the client, over a connection of its own or in an ordinary answer. */
import type { Attachment } from '../../engine/api.ts';
import type { AnyReply, AnyRequest, ApiContext } from '../context.ts';
import { apiMinor } from '../version.ts';
import { streamType } from './frame.ts';
import { type PumpOptions, pump } from './pump.ts';
import { followConnection, sendHead } from './stream-reply.ts';
import { endConnection, takeConnection } from './upgrade.ts';

export function serveAttachment(
  request: AnyRequest,
  reply: AnyReply,
  attachment: Attachment,
  options: PumpOptions,
  { streams, log }: Pick<ApiContext, 'streams' | 'log'>,
): void {
  const type = streamType(attachment.tty, apiMinor(request.raw));
  const socket = takeConnection(request.raw, type);
  if (socket === undefined) {
    // Without an upgrade the client's input is its request's body.
    const { signal } = followConnection(reply.raw, streams);
    sendHead(reply, type);
    start({ input: request.raw, output: reply.raw, signal, end: () => reply.raw.end() });
  } else {
    reply.hijack();
    const { signal } = followConnection(socket, streams);
    start({ input: socket, output: socket, signal, end: () => endConnection(socket) });
  }

  function start(channel: Parameters<typeof pump>[1]): void {
    pump(attachment, channel, options, log).catch((error: unknown) => {
      log.error({ err: error }, 'an attached stream broke off');
      channel.output.destroy();
    });
  }
}
