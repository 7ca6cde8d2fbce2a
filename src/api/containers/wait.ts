import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { WaitCondition } from '../../engine/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { first, Parameter } from '../query.ts';
import { followConnection, sendHead } from '../streams/stream-reply.ts';
import { ContainerParams } from './reference.ts';

export function routeWait(api: Api, { engine, streams, log }: ApiContext): void {
  const schema = { params: ContainerParams, querystring: Type.Object({ condition: Parameter }) };
  api.post('/containers/:id/wait', { schema }, async (request, reply) => {
    const condition = readCondition(first(request.query.condition));
    const connection = followConnection(reply.raw, streams);
    const { result } = await engine.wait(request.params.id, condition, connection.signal);
    // The client starts the container only when it knows that its exit will not be missed.
    sendHead(reply, 'application/json');
    connection.signal.addEventListener('abort', () => reply.raw.destroy());
    result.then(
      ({ exitCode, error }) => {
        reply.raw.end(`${JSON.stringify({ StatusCode: exitCode, ...(error !== undefined && { Error: { Message: error } }) })}\n`);
      },
      (error: unknown) => {
        if (!connection.signal.aborted) log.error({ err: error }, 'a wait broke off');
        reply.raw.destroy();
      },
    );
  });
}

function readCondition(text = 'not-running'): WaitCondition {
  if (text === 'not-running' || text === 'next-exit' || text === 'removed') return text;
  throw invalid(`invalid condition: ${JSON.stringify(text)}`);
}
