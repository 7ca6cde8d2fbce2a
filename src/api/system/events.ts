import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { EngineEvent, EventQuery } from '../../engine/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { parseFilters } from '../filters.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { Parameter, timestamp } from '../query.ts';
import { streamReply } from '../streams/stream-reply.ts';
import { writeTo } from '../streams/write.ts';

const ACCEPTED = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'vm',
  'volume',
];

export function routeEvents(api: Api, context: ApiContext): void {
  const querystring = Type.Object({ since: Parameter, until: Parameter, filters: Parameter });
  api.get('/events', { schema: { querystring } }, (request, reply) => {
    const since = timestamp(request.query.since);
    const until = timestamp(request.query.until);
    if (since !== undefined && until !== undefined && since > until) {
      throw invalid(
        `\`since\` time (${String(since / 1_000_000_000n)}) cannot be after \`until\` time (${String(until / 1_000_000_000n)})`,
      );
    }
    const filters = parseFilters(request.query.filters, ACCEPTED);
    streamReply(reply, context, 'application/json', async ({ output, signal }) => {
      for await (const event of context.engine.events(omitUndefined<EventQuery>({ since, until, filters, signal }))) {
        if (signal.aborted) return;
        await writeTo(output, Buffer.from(describeEvent(event)));
      }
    });
  });
}

/** One line, with the fields of today and those that clients of old read. */
function describeEvent(event: EngineEvent): string {
  const legacy =
    event.type === 'container'
      ? { status: event.action, id: event.id, from: event.attributes['image'] ?? '' }
      : event.type === 'image'
        ? { status: event.action, id: event.id }
        : {};
  const body = JSON.stringify({
    ...legacy,
    Type: event.type,
    Action: event.action,
    Actor: { ID: event.id, Attributes: event.attributes },
    scope: 'local',
    time: Number(event.timeNano / 1_000_000_000n),
  });
  // More digits than a JavaScript number holds.
  return `${body.slice(0, -1)},"timeNano":${String(event.timeNano)}}\n`;
}
