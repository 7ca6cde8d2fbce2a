/** Execs offered to one container at a fixed rate, whether the earlier ones have ended or not. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AbodeError } from '../../src/base/errors.ts';
import { numberOf, objectOf, stringOf } from '../../src/docker-client/answers.ts';
import { Attached } from '../../src/docker-client/attached.ts';
import { median } from '../../src/compare/statistics.ts';
import { startContainer, SLEEPS } from './containers.ts';
import { CONTAINERS, type LoadCase, type LoadColumn } from './load-case.ts';

const A_SECOND = 50;

export function execsCase(count: number): LoadCase {
  return {
    name: 'execs',
    title: `${String(count)} execs into one container, ${String(A_SECOND)} a second`,
    columns: CONTAINERS,
    measures: [{ name: 'median of one' }, { name: 'until the last', amount: { value: count, unit: 'execs' } }],
    prepare: async (column, signal) => {
      const id = await startContainer(column, SLEEPS, signal);
      return async () => {
        const since = performance.now();
        const times = await Promise.all(
          Array.from({ length: count }, async (_, index) => {
            await sleep((index * 1000) / A_SECOND, undefined, { signal });
            const begun = performance.now();
            await execOnce(column, id, signal);
            return performance.now() - begun;
          }),
        );
        return { 'median of one': median(times), 'until the last': performance.now() - since };
      };
    },
  };
}

/** As the docker client does it: create, start attached, its output, its exit status. */
async function execOnce({ client: { transport } }: LoadColumn, id: string, signal: AbortSignal): Promise<void> {
  const body = { Cmd: ['echo', 'said'], AttachStdout: true, AttachStderr: true };
  const exec = stringOf(objectOf(await transport.call('POST', `/containers/${id}/exec`, { body, signal }), 'exec'), 'Id');
  let said = '';
  const { socket, head } = await transport.hijack(`/exec/${exec}/start`, { body: { Detach: false, Tty: false }, signal });
  using attached = new Attached(socket, head, (_stream, data) => (said += data.toString('utf8')));
  await attached.ended;
  const status = numberOf(objectOf(await transport.call('GET', `/exec/${exec}/json`, { signal }), 'exec'), 'ExitCode');
  if (said !== 'said\n' || status !== 0)
    throw new AbodeError('internal', `an exec ended with ${String(status)} and said ${JSON.stringify(said)}`);
}
