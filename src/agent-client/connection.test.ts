import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withDeadline } from '../base/deadline.ts';
import { AgentConnection, AgentError } from './connection.ts';
import { FieldsBuilder, Tag } from './fields.ts';
import { encodeFrame, type Frame, FrameDecoder, FrameType } from './frame.ts';

const PATIENCE_MS = 10_000;

/** The other end, which answers each request as `answer` says. */
class Peer implements AsyncDisposable {
  readonly #server: Server;
  readonly #directory: string;
  readonly #sockets: Socket[] = [];

  private constructor(server: Server, directory: string) {
    this.#server = server;
    this.#directory = directory;
  }

  static async start(answer: (frame: Frame, socket: Socket) => void): Promise<Peer> {
    const directory = await mkdtemp(join(tmpdir(), 'abode-peer-'));
    const server = createServer((socket) => {
      peer.#sockets.push(socket);
      const decoder = new FrameDecoder();
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        for (const frame of decoder.push(chunk)) {
          if (frame.type === FrameType.HELLO) socket.write(encodeFrame({ type: FrameType.OK, request: frame.request }));
          else answer(frame, socket);
        }
      });
    });
    const peer = new Peer(server, directory);
    server.listen(peer.path);
    await once(server, 'listening');
    return peer;
  }

  get path(): string {
    return join(this.#directory, 's');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await rm(this.#directory, { recursive: true });
  }
}

const within = <T>(promise: Promise<T>): Promise<T> => withDeadline(promise, PATIENCE_MS, 'the answer');

test('answers find their requests, in whatever order they come', async () => {
  const held: Frame[] = [];
  await using peer = await Peer.start((frame, socket) => {
    held.push(frame);
    if (held.length < 3) return;
    for (const { proc, request } of held.toReversed())
      socket.write(encodeFrame({ type: FrameType.OK, request, payload: new FieldsBuilder().add(Tag.PID, proc * 10).build() }));
  });
  const connection = await AgentConnection.open(peer.path);
  const answers = await within(Promise.all([1, 2, 3].map((proc) => connection.request(FrameType.STATE, undefined, proc))));
  assert.deepEqual(
    answers.map((fields) => fields.number(Tag.PID)),
    [10, 20, 30],
  );
  connection.close();
});

test("a refusal carries the agent's code, message and errno", async () => {
  await using peer = await Peer.start(({ request }, socket) => {
    const payload = new FieldsBuilder().add(Tag.CODE, 'not-found').add(Tag.MESSAGE, 'no such process').add(Tag.ERRNO, 3).build();
    socket.write(encodeFrame({ type: FrameType.ERROR, request, payload }));
  });
  const connection = await AgentConnection.open(peer.path);
  await assert.rejects(within(connection.request(FrameType.SIGNAL)), (error: unknown) => {
    assert.ok(error instanceof AgentError);
    assert.deepEqual([error.agentCode, error.message, error.errno], ['not-found', 'no such process', 3]);
    return true;
  });
  connection.close();
});

test('what is no answer is told as an event, in order', async () => {
  await using peer = await Peer.start(({ request }, socket) => {
    socket.write(
      Buffer.concat([
        encodeFrame({ type: FrameType.DATA, proc: 5, stream: 1, payload: Buffer.from('out') }),
        encodeFrame({ type: FrameType.EXIT, proc: 5 }),
        encodeFrame({ type: FrameType.OK, request }),
      ]),
    );
  });
  const connection = await AgentConnection.open(peer.path);
  const seen: number[] = [];
  connection.on('frame', (frame) => seen.push(frame.type));
  await within(connection.request(FrameType.STATE));
  assert.deepEqual(seen, [FrameType.DATA, FrameType.EXIT]);
  connection.close();
});

test('the end of the connection refuses those who wait and those who come after', async () => {
  await using peer = await Peer.start((_frame, socket) => socket.destroy());
  const connection = await AgentConnection.open(peer.path);
  const ended = once(connection, 'close');
  await assert.rejects(within(connection.request(FrameType.STATE)), { code: 'unavailable' });
  await ended;
  assert.ok(connection.closed);
  await assert.rejects(connection.request(FrameType.STATE), { code: 'unavailable' });
  await assert.rejects(connection.send({ type: FrameType.DATA }), { code: 'unavailable' });
});

test('bytes that are no frame end the connection', async () => {
  await using peer = await Peer.start((_frame, socket) => socket.write(Buffer.alloc(24, 0xff)));
  const connection = await AgentConnection.open(peer.path);
  await assert.rejects(within(connection.request(FrameType.STATE)), { code: 'unavailable' });
  assert.ok(connection.closed);
});

test('an answer whose fields are malformed does not leave its request waiting', async () => {
  await using peer = await Peer.start(({ request }, socket) =>
    socket.write(encodeFrame({ type: FrameType.OK, request, payload: Buffer.from('abc') })),
  );
  const connection = await AgentConnection.open(peer.path);
  await assert.rejects(withDeadline(connection.request(FrameType.STATE), 2000, 'the answer'), /the connection to the shim ended/);
  assert.ok(connection.closed);
});
