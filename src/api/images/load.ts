import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { announceImage } from './announce.ts';
import { describeError } from '../errors.ts';
import { discardBody } from '../body.ts';
import { flag, Parameter } from '../query.ts';
import { streamReply } from '../streams/stream-reply.ts';
import { writeTo } from '../streams/write.ts';

export function routeLoad(api: Api, context: ApiContext): void {
  api.post('/images/load', { schema: { querystring: Type.Object({ quiet: Parameter, platform: Parameter }) } }, (request, reply) => {
    const quiet = flag(request.query.quiet);
    streamReply(reply, context, 'application/json', async ({ output, signal }) => {
      try {
        for await (const progress of context.images.load(request.raw)) {
          if (signal.aborted) return;
          announceLoaded(context, progress.stream);
          if (quiet && progress.stream === undefined) continue;
          await writeTo(output, line(progress));
        }
      } catch (error) {
        if (signal.aborted) return;
        context.log.warn({ err: error }, 'an archive could not be loaded');
        const message = describeError(error);
        await writeTo(output, line({ errorDetail: { message }, error: message }));
      } finally {
        discardBody(request.raw);
      }
    });
  });
}

/** The last lines of the stream name what was loaded. */
function announceLoaded(context: ApiContext, text = ''): void {
  const [, name] = /^Loaded image(?: ID)?: (.*)\n$/.exec(text) ?? [];
  const id = name === undefined ? undefined : context.images.find(name)?.id;
  if (id !== undefined) announceImage(context, 'load', id);
}

function line(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value)}\r\n`);
}
