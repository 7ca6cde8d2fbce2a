import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { first, flag, Parameter } from '../query.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';
import { serveAttachment } from '../streams/serve-attachment.ts';
import { ContainerParams } from './reference.ts';

export function routeAttach(api: Api, context: ApiContext): void {
  const querystring = Type.Object({
    detachKeys: Parameter,
    logs: Parameter,
    stream: Parameter,
    stdin: Parameter,
    stdout: Parameter,
    stderr: Parameter,
  });
  api.post('/containers/:id/attach', { schema: { params: ContainerParams, querystring } }, async (request, reply) => {
    const { query } = request;
    const detachKeys = parseDetachKeys(first(query.detachKeys) ?? '');
    const stream = flag(query.stream);
    const stdin = flag(query.stdin) && stream;
    const attachment = await context.engine.attach(request.params.id, {
      stdin,
      stdout: flag(query.stdout),
      stderr: flag(query.stderr),
      logs: flag(query.logs),
      stream,
    });
    const stdinOnce = context.engine.get(request.params.id).config.StdinOnce ?? false;
    serveAttachment(request, reply, attachment, { stdin, stdinOnce, detachKeys }, context);
  });
}
