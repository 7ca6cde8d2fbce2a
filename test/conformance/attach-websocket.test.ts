/** A web console: attach over a WebSocket, with a browser's client. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { conformance } from '../fixtures/conformance.ts';
import { until } from '../fixtures/until.ts';

const { behaviour } = conformance();

behaviour('a WebSocket gets what is printed, sends what is typed, and ends with the container', async (subject) => {
  await subject.create(['-i'], 'sh', '-c', 'read line; echo "got $line"; echo error >&2; exit 3');
  // The client speaks TCP only.
  const bridge = createServer((socket) => {
    const to = connect(subject.daemon.socket);
    socket.pipe(to).pipe(socket);
    for (const end of [socket, to]) end.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  try {
    await once(bridge, 'listening');
    const { port } = bridge.address() as AddressInfo;
    const client = new WebSocket(
      `ws://127.0.0.1:${String(port)}/v1.41/containers/${subject.name}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1`,
    );
    client.binaryType = 'arraybuffer';
    let seen = '';
    client.addEventListener('message', ({ data }) => (seen += Buffer.from(data as ArrayBuffer).toString()));
    await once(client, 'open');
    const closed = once(client, 'close');
    await subject.daemon.docker('start', subject.name);
    client.send('a line\n');
    await until('both outputs came', 60_000, async () => Promise.resolve(seen.includes('got a line\n') && seen.includes('error\n')));
    const [event] = (await closed) as [CloseEvent];
    assert.deepEqual([event.code, event.wasClean], [1000, true]);
    assert.equal((await subject.daemon.ended(subject.name)).State.ExitCode, 3);
  } finally {
    bridge.close();
  }
});
