/** Bytes through an attached client, out of a container and into it. */
import { once } from 'node:events';
import { AbodeError } from '../../src/base/errors.ts';
import { createContainer, type Wish } from './containers.ts';
import { CONTAINERS, type LoadCase, type LoadColumn, timed } from './load-case.ts';
import { Attached } from '../../src/docker-client/attached.ts';

const CHUNK = 64 << 10;

export function attachCase(megabytes: number): LoadCase {
  const bytes = megabytes * 1e6;
  const amount = { value: megabytes, unit: 'MB' };
  return {
    name: 'attach',
    title: `${String(megabytes)} MB by attach, log driver none`,
    columns: CONTAINERS,
    measures: [
      { name: 'out', amount },
      { name: 'in', amount },
    ],
    prepare: (column, signal) =>
      Promise.resolve(async () => ({ out: await receive(column, bytes, signal), in: await send(column, bytes, signal) })),
  };
}

async function receive(column: LoadColumn, bytes: number, signal: AbortSignal): Promise<number> {
  let got = 0;
  const wish: Wish = { command: ['head', '-c', String(bytes), '/dev/zero'], logDriver: 'none' };
  const id = await createContainer(column, wish, signal);
  using attached = await column.client.attach(id, { stdin: false, signal, listener: (_stream, data) => (got += data.length) });
  const took = await timed(async () => {
    await column.client.start(id, signal);
    await attached.ended;
  });
  if (got !== bytes) throw new AbodeError('internal', `${String(got)} of ${String(bytes)} bytes came out`);
  await column.client.remove(id, { force: true, signal });
  return took;
}

/** From the start to the container's word on how much it has read. */
async function send(column: LoadColumn, bytes: number, signal: AbortSignal): Promise<number> {
  let said = '';
  const id = await createContainer(column, { command: ['wc', '-c'], stdin: true, logDriver: 'none' }, signal);
  const query = { stream: '1', stdin: '1', stdout: '1', stderr: '1' };
  const { socket, head } = await column.client.transport.hijack(`/containers/${id}/attach`, { query, signal });
  using attached = new Attached(socket, head, (_stream, data) => (said += data.toString('utf8')));
  const took = await timed(async () => {
    await column.client.start(id, signal);
    const chunk = Buffer.alloc(CHUNK);
    for (let left = bytes; left > 0; left -= CHUNK) if (!socket.write(chunk.subarray(0, left))) await once(socket, 'drain', { signal });
    socket.end();
    await attached.ended;
  });
  if (Number(said) !== bytes) throw new AbodeError('internal', `the container has read ${said.trim()} of ${String(bytes)} bytes`);
  await column.client.remove(id, { force: true, signal });
  return took;
}
