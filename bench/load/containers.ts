/** Containers as the loads need them, by the API alone. */
import { objectOf, stringOf } from '../../src/docker-client/answers.ts';
import type { LoadColumn } from './load-case.ts';

export interface Wish {
  readonly command: readonly string[];
  readonly stdin?: true;
  readonly logDriver?: 'none';
}

export const SLEEPS: Wish = { command: ['sleep', '1000'] };

export async function createContainer(column: LoadColumn, { command, stdin, logDriver }: Wish, signal: AbortSignal): Promise<string> {
  const body = {
    Image: column.image,
    Cmd: command,
    Labels: { [column.label]: '' },
    ...(stdin === true && { OpenStdin: true, StdinOnce: true, AttachStdin: true }),
    HostConfig: {
      ...(column.runtime !== undefined && { Runtime: column.runtime }),
      ...(logDriver !== undefined && { LogConfig: { Type: logDriver, Config: {} } }),
    },
  };
  return stringOf(objectOf(await column.client.transport.call('POST', '/containers/create', { body, signal }), 'container'), 'Id');
}

/** One that runs. */
export async function startContainer(column: LoadColumn, wish: Wish, signal: AbortSignal): Promise<string> {
  const id = await createContainer(column, wish, signal);
  await column.client.start(id, signal);
  return id;
}

/** `count` times, by so many clients at once. */
export async function byClients(clients: number, count: number, action: () => Promise<void>): Promise<void> {
  let left = count;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (left > 0) {
        left -= 1;
        await action();
      }
    }),
  );
}

export async function removeLabelled({ client, label }: LoadColumn, signal: AbortSignal): Promise<void> {
  const left = await client.list({ all: true, label, signal });
  let next = 0;
  await byClients(4, left.length, async () => {
    const id = left[next];
    next += 1;
    if (id !== undefined) await client.remove(id, { force: true, signal });
  });
}
