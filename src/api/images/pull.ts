/** `docker pull`: errors before the first line have a status of their own, later ones are lines. */
import { AbodeError } from '../../base/errors.ts';
import type { AnyReply, AnyRequest, ApiContext } from '../context.ts';
import { describeError } from '../errors.ts';
import { followConnection, streamReply } from '../streams/stream-reply.ts';
import { writeTo } from '../streams/write.ts';
import { announceImage } from './announce.ts';
import { joinTag, splitTag } from './reference.ts';
import { readCredentials } from './registry-auth.ts';

export interface PullRequest {
  readonly name: string;
  readonly tag: string | undefined;
  readonly platform: string | undefined;
}

export async function pullImage(
  request: AnyRequest,
  reply: AnyReply,
  context: ApiContext,
  { name, tag, platform }: PullRequest,
): Promise<void> {
  if (tag === undefined && splitTag(name).tag === undefined) {
    throw new AbodeError('not-implemented', 'pulling all tags of a repository is not available in this version: name one');
  }
  const reference = joinTag(name, tag);
  const { signal } = followConnection(reply.raw, context.streams);
  const lines = context.images.pull({ reference, platform, credentials: readCredentials(request.headers), signal })[Symbol.asyncIterator]();
  let next = await lines.next();
  streamReply(reply, context, 'application/json', async ({ output }) => {
    try {
      for (; next.done !== true; next = await lines.next()) await writeTo(output, line(next.value));
      announceImage(context, 'pull', reference, splitTag(reference.split('@')[0] ?? '').repository);
    } catch (error) {
      if (signal.aborted) return;
      context.log.warn({ err: error, reference }, 'an image could not be pulled');
      const message = describeError(error);
      await writeTo(output, line({ errorDetail: { message }, error: message }));
    } finally {
      await lines.return?.();
    }
  });
}

function line(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\r\n`);
}
