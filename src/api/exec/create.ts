import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from '../containers/reference.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';

const text = Type.Optional(Type.Union([Type.String(), Type.Null()]));
const truth = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const texts = Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()]));
const words = Type.Optional(Type.Union([Type.Array(Type.String()), Type.String(), Type.Null()]));

const body = Type.Object({
  Cmd: words,
  Tty: truth,
  AttachStdin: truth,
  AttachStdout: truth,
  AttachStderr: truth,
  DetachKeys: text,
  User: text,
  Env: texts,
  WorkingDir: text,
  Privileged: truth,
});

export function routeExecCreate(api: Api, { engine }: ApiContext): void {
  api.post('/containers/:id/exec', { schema: { params: ContainerParams, body } }, async (request, reply) => {
    const asked = request.body;
    const command = typeof asked.Cmd === 'string' ? [asked.Cmd] : (asked.Cmd ?? []);
    if (command.length === 0) throw invalid('no exec command specified');
    const detachKeys = asked.DetachKeys ?? '';
    parseDetachKeys(detachKeys);
    const id = await engine.createExec(request.params.id, {
      command,
      tty: asked.Tty ?? false,
      attachStdin: asked.AttachStdin ?? false,
      attachStdout: asked.AttachStdout ?? false,
      attachStderr: asked.AttachStderr ?? false,
      detachKeys,
      user: asked.User ?? '',
      env: asked.Env ?? [],
      workingDir: asked.WorkingDir ?? '',
      privileged: asked.Privileged ?? false,
    });
    reply.code(201);
    return { Id: id };
  });
}
