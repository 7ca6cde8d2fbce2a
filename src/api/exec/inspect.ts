import type { ExecRecord } from '../../engine/record.ts';
import type { Api, ApiContext } from '../context.ts';
import { ContainerParams } from '../containers/reference.ts';

export function routeExecInspect(api: Api, { engine }: ApiContext): void {
  api.get('/exec/:id/json', { schema: { params: ContainerParams } }, (request) => inspectExec(engine.getExec(request.params.id)));
}

function inspectExec(exec: ExecRecord): object {
  return {
    ID: exec.id,
    Running: exec.running,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: exec.tty,
      entrypoint: exec.command[0] ?? '',
      arguments: exec.command.slice(1),
      privileged: exec.privileged,
      ...(exec.user !== '' && { user: exec.user }),
    },
    OpenStdin: exec.attachStdin,
    OpenStderr: exec.attachStderr,
    OpenStdout: exec.attachStdout,
    CanRemove: false,
    ContainerID: exec.containerId,
    DetachKeys: Buffer.from(exec.detachKeys).toString('base64'),
    Pid: exec.pid,
  };
}
