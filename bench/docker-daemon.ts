/** The reference: a dockerd that runs already, or one started in a scratch directory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbodeError } from '../src/base/errors.ts';
import { spawnPiped } from '../src/base/process.ts';
import { answersPing } from '../src/cli/daemon-process.ts';
import { DockerClient } from '../src/docker-client/client.ts';

const START_MS = 30_000;

export async function findDockerd(socket: string, cleanUp: AsyncDisposableStack): Promise<DockerClient> {
  return (await answersPing(socket)) ? new DockerClient(socket) : await startDockerd(cleanUp);
}

async function startDockerd(cleanUp: AsyncDisposableStack): Promise<DockerClient> {
  const scratch = await mkdtemp(join(tmpdir(), 'abode-bench-dockerd-'));
  cleanUp.defer(() => rm(scratch, { recursive: true, force: true }));
  const socket = join(scratch, 'docker.sock');
  const child = spawnPiped(
    'dockerd',
    [
      '--data-root',
      join(scratch, 'data'),
      '--exec-root',
      join(scratch, 'exec'),
      '--pidfile',
      join(scratch, 'pid'),
      '--host',
      `unix://${socket}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-2000);
  });
  let over = false;
  const ended = Promise.race([once(child, 'close'), once(child, 'error')]).then(() => {
    over = true;
  });
  cleanUp.defer(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const deadline = AbortSignal.timeout(START_MS);
  while (!(await answersPing(socket))) {
    if (over || deadline.aborted) {
      throw new AbodeError('unavailable', `dockerd did not start: ${said.trim() || 'it said nothing'}`, {
        hint: 'install the package docker.io, or name a running one with --docker-socket',
      });
    }
    await sleep(50);
  }
  return new DockerClient(socket);
}
