import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { LogEntry, LogOptions } from '../../engine/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { first, flag, Parameter, timestamp, toSeconds } from '../query.ts';
import { frameChunk, streamType } from '../streams/frame.ts';
import { followConnection, sendHead } from '../streams/stream-reply.ts';
import { writeTo } from '../streams/write.ts';
import { apiMinor } from '../version.ts';
import { ContainerParams } from './reference.ts';

export function routeLogs(api: Api, { engine, streams, log }: ApiContext): void {
  const querystring = Type.Object({
    stdout: Parameter,
    stderr: Parameter,
    follow: Parameter,
    timestamps: Parameter,
    tail: Parameter,
    since: Parameter,
    until: Parameter,
    details: Parameter,
  });
  api.get('/containers/:id/logs', { schema: { params: ContainerParams, querystring } }, async (request, reply) => {
    const { query } = request;
    const stdout = flag(query.stdout);
    const stderr = flag(query.stderr);
    if (!stdout && !stderr) throw invalid('Bad parameters: you must choose at least one stream');
    const tty = engine.get(request.params.id).config.Tty ?? false;
    const since = timestamp(query.since);
    const until = timestamp(query.until);
    const { signal } = followConnection(reply.raw, streams);
    const entries = await engine.logs(
      request.params.id,
      omitUndefined<LogOptions>({
        stdout,
        stderr,
        follow: flag(query.follow),
        tail: readTail(first(query.tail)),
        since: since === undefined || since === 0n ? undefined : toSeconds(since),
        until: until === undefined || until === 0n ? undefined : toSeconds(until),
        signal,
      }),
    );
    sendHead(reply, streamType(tty, apiMinor(request.raw)));
    const timestamps = flag(query.timestamps);
    const details = flag(query.details);
    sendEntries(entries, { tty, timestamps, details }).then(
      () => reply.raw.end(),
      (error: unknown) => {
        if (!signal.aborted) log.error({ err: error }, 'logs broke off');
        reply.raw.destroy();
      },
    );

    async function sendEntries(
      from: AsyncIterable<readonly LogEntry[]>,
      form: { tty: boolean; timestamps: boolean; details: boolean },
    ): Promise<void> {
      for await (const many of from) {
        if (signal.aborted) return;
        const pieces = many.flatMap((entry) => {
          const head = `${form.timestamps ? `${entry.time} ` : ''}${form.details ? `${describeAttributes(entry.attributes ?? {})} ` : ''}`;
          const data = head === '' ? entry.data : Buffer.concat([Buffer.from(head), entry.data]);
          return frameChunk({ stream: entry.stream, data }, form.tty);
        });
        await writeTo(reply.raw, Buffer.concat(pieces));
      }
    }
  });
}

/** Docker takes all that is no number for "all". */
function readTail(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** `a=1,b=2`, each escaped as in the query of a URL. */
function describeAttributes(attributes: Readonly<Record<string, string>>): string {
  return Object.keys(attributes)
    .toSorted((one, other) => (one < other ? -1 : 1))
    .map((name) => new URLSearchParams({ [name]: attributes[name] ?? '' }).toString())
    .join(',');
}
