import Type from 'typebox';
import { messageOf } from '../../base/errors.ts';
import type { Attachment, ContainerEngine } from '../../engine/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from '../containers/reference.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';
import { serveAttachment } from '../streams/serve-attachment.ts';
import { side } from '../terminal-size.ts';

const truth = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const body = Type.Object({
  Detach: truth,
  Tty: truth,
  ConsoleSize: Type.Optional(Type.Union([Type.Array(Type.Integer()), Type.Null()])),
});

interface StartOptions {
  readonly detach: boolean;
  readonly rows?: number;
  readonly columns?: number;
}

export function routeExecStart(api: Api, context: ApiContext): void {
  const { engine } = context;
  api.post('/exec/:id/start', { schema: { params: ContainerParams, body } }, async (request, reply) => {
    const { id } = request.params;
    const exec = engine.getExec(id);
    const [rows, columns] = request.body.ConsoleSize ?? [];
    const options = omitUndefined<StartOptions>({
      detach: request.body.Detach ?? false,
      rows: rows === undefined ? undefined : side(rows),
      columns: columns === undefined ? undefined : side(columns),
    });
    const attachment = await startExec(engine, id, options);
    if (attachment === undefined) return reply.code(200).send();
    serveAttachment(
      request,
      reply,
      attachment,
      {
        stdin: exec.attachStdin,
        stdinOnce: true,
        detachKeys: parseDetachKeys(exec.detachKeys),
      },
      context,
    );
    return reply;
  });
}

/** A command that cannot run is output and an exit code (126, 127), as from a shell; any other failure is the request's. */
async function startExec(engine: ContainerEngine, id: string, options: StartOptions): Promise<Attachment | undefined> {
  const fresh = engine.getExec(id).exitCode === null;
  try {
    return await engine.startExec(id, options);
  } catch (error) {
    const exec = engine.getExec(id);
    if (options.detach || !fresh || exec.exitCode === null) throw error;
    return printed(`${messageOf(error)}\r\n`, exec.tty);
  }
}

function printed(text: string, tty: boolean): Attachment {
  return {
    tty,
    output: (async function* () {
      yield { stream: 'stdout' as const, data: Buffer.from(text) };
    })(),
    write: async () => undefined,
    endInput: () => undefined,
    close: () => undefined,
  };
}
