import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Fixture, RawClient, startApi } from '../fixture.ts';
import { type ClientEvent, encodeFrame, FrameReader, OPCODE } from './websocket-frames.ts';

/** As a client sends it: masked. */
function clientFrame(opcode: number, payload: Buffer, { last = true }: { last?: boolean } = {}): Buffer {
  const mask = randomBytes(4);
  const frame = encodeFrame(OPCODE.BINARY, payload);
  const head = Buffer.from(frame.subarray(0, frame.length - payload.length));
  head[0] = (last ? 0x80 : 0) | opcode;
  head[1] = (head[1] ?? 0) | 0x80;
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

const read = (chunks: readonly Buffer[]): ClientEvent[] => {
  const reader = new FrameReader();
  return chunks.flatMap((chunk) => [...reader.push(chunk)]);
};
const dataOf = (events: readonly ClientEvent[]): Buffer =>
  Buffer.concat(events.flatMap((event) => (event.kind === 'data' ? [event.data] : [])));

test('frames of any length, cut anywhere, are the bytes that were sent', () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 70_000 }), { maxLength: 6 });
  fc.assert(
    fc.property(payloads, fc.array(fc.nat({ max: 100_000 }), { maxLength: 8 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map((message) => clientFrame(OPCODE.BINARY, Buffer.from(message))));
      const places = [...cuts.map((cut) => Math.min(cut, stream.length)), stream.length].toSorted((a, b) => a - b);
      const chunks = places.map((place, index) => stream.subarray(places[index - 1] ?? 0, place));
      assert.ok(dataOf(read(chunks)).equals(Buffer.concat(sent)));
    }),
    { numRuns: 60 },
  );
});

test('a message in pieces, with a ping between them', () => {
  const events = read([
    clientFrame(OPCODE.TEXT, Buffer.from('one'), { last: false }),
    clientFrame(OPCODE.PING, Buffer.from('there?')),
    clientFrame(OPCODE.CONTINUATION, Buffer.from('two')),
    clientFrame(OPCODE.CLOSE, Buffer.from([0x03, 0xe9])),
  ]);
  assert.equal(dataOf(events).toString(), 'onetwo');
  assert.deepEqual(
    events.filter(({ kind }) => kind !== 'data'),
    [
      { kind: 'ping', data: Buffer.from('there?') },
      { kind: 'close', code: 1001 },
    ],
  );
});

test('what is no frame of a client is refused', () => {
  const bad: Readonly<Record<string, Buffer>> = {
    'not masked': encodeFrame(OPCODE.TEXT, Buffer.from('x')),
    'reserved bits': Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
    'an unknown opcode': Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
    'an unknown control opcode': Buffer.from([0x8b, 0x80, 0, 0, 0, 0]),
    'a ping in pieces': clientFrame(OPCODE.PING, Buffer.alloc(0), { last: false }),
    'a long ping': clientFrame(OPCODE.PING, Buffer.alloc(126)),
    'nothing to continue': clientFrame(OPCODE.CONTINUATION, Buffer.from('x')),
    'a length without end': Buffer.from([0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]),
  };
  for (const [name, bytes] of Object.entries(bad)) assert.throws(() => read([bytes]), { code: 'invalid' }, name);
});

const KEY = randomBytes(16).toString('base64');
const HANDSHAKE = ['Host: d', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${KEY}`];

function ask(client: RawClient, url: string, headers: readonly string[] = HANDSHAKE): void {
  client.send(`GET ${url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
}

/** What the server's frames say, taken apart. */
function messages(body: Buffer): Array<[opcode: number, payload: string]> {
  const found: Array<[number, string]> = [];
  for (let at = 0; at + 2 <= body.length;) {
    const short = body[at + 1] ?? 0;
    const head = short === 126 ? 4 : 2;
    const length = short === 126 ? body.readUInt16BE(at + 2) : short;
    found.push([(body[at] ?? 0) & 15, body.toString('latin1', at + head, at + head + length)]);
    at += head + length;
  }
  return found;
}

async function run(fixture: Fixture, command: string[], config: object = {}): Promise<string> {
  const { id } = await fixture.engine.create({ config: { Image: 'bb:1', Cmd: command, ...config }, host: {} });
  return id;
}

test('attach over a WebSocket: input, both outputs together, goodbye when the process ends', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['cat']);
  await fixture.engine.start(id);
  const client = new RawClient(fixture.socket);
  ask(client, `/v1.51/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1`);
  await client.until(() => client.received.includes('\r\n\r\n'), 'the handshake');
  const accept = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  assert.equal(
    client.split().head,
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`,
  );
  client.send(clientFrame(OPCODE.TEXT, Buffer.from('hello')));
  await client.until(() => client.received.includes('hello'), 'the echo');
  client.send(clientFrame(OPCODE.PING, Buffer.from('p')));
  await client.until(() => messages(client.split().body).length === 2, 'the pong');
  client.send(clientFrame(OPCODE.CLOSE, Buffer.from([0x03, 0xe8])));
  await client.until(() => client.ended, 'the end');
  assert.deepEqual(messages(client.split().body), [
    [OPCODE.BINARY, 'hello'],
    [OPCODE.PONG, 'p'],
    [OPCODE.CLOSE, '\u0003\u00e8'],
  ]);
  assert.equal(fixture.engine.get(id).state.status, 'running', 'its end is not the process’s');
});

test('the end of the process is the end of the WebSocket; old clients get text', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['both']);
  const client = new RawClient(fixture.socket);
  ask(client, `/v1.27/containers/${id}/attach/ws?stream=1&stdout=1&stderr=1`);
  await client.until(() => client.received.includes('\r\n\r\n'), 'the handshake');
  await fixture.engine.start(id);
  await client.until(() => client.ended, 'the end');
  assert.deepEqual(messages(client.split().body), [
    [OPCODE.TEXT, 'out\n'],
    [OPCODE.TEXT, 'err\n'],
    [OPCODE.CLOSE, '\u0003\u00e8'],
  ]);
});

test('detach keys work on a terminal', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['cat'], { Tty: true });
  await fixture.engine.start(id);
  const client = new RawClient(fixture.socket);
  ask(client, `/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1&detachKeys=ctrl-x`);
  await client.until(() => client.received.includes('\r\n\r\n'), 'the handshake');
  client.send(clientFrame(OPCODE.BINARY, Buffer.from('a')));
  await client.until(() => client.received.includes('a'), 'the echo');
  client.send(clientFrame(OPCODE.BINARY, Buffer.from([0x18])));
  await client.until(() => client.ended, 'the end');
  assert.equal(fixture.engine.get(id).state.status, 'running');
});

test('what is no handshake, or is about nobody, is answered as HTTP', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['cat']);
  const cases: ReadonlyArray<readonly [url: string, headers: readonly string[], status: number]> = [
    ['/containers/nosuch/attach/ws', HANDSHAKE, 404],
    [`/containers/${id}/attach/ws?detachKeys=nonsense`, HANDSHAKE, 400],
    [`/containers/${id}/attach/ws`, ['Host: d'], 400],
    [`/containers/${id}/attach/ws`, HANDSHAKE.filter((line) => !line.startsWith('Sec-WebSocket-Key')), 400],
    [`/containers/${id}/attach/ws`, HANDSHAKE.filter((line) => !line.startsWith('Sec-WebSocket-Version')), 400],
    [`/containers/${id}/attach/ws`, HANDSHAKE.map((line) => line.replace('websocket', 'tcp')), 400],
  ];
  for (const [url, headers, status] of cases) {
    const client = new RawClient(fixture.socket);
    ask(client, url, [...headers, ...(headers.some((line) => line.startsWith('Connection')) ? [] : ['Connection: close'])]);
    await client.until(() => client.ended, url);
    assert.ok(client.split().head.startsWith(`HTTP/1.1 ${String(status)} `), `${url}: ${client.split().head}`);
  }
});

test('a browser’s own client gets along', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['cat']);
  await fixture.engine.start(id);
  // It speaks TCP only.
  const bridge = createServer((socket) => {
    const to = connect(fixture.socket);
    socket.pipe(to).pipe(socket);
    for (const end of [socket, to]) end.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  t.after(() => bridge.close());
  await once(bridge, 'listening');
  const { port } = bridge.address() as { port: number };
  const client = new WebSocket(`ws://127.0.0.1:${String(port)}/v1.51/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1`);
  client.binaryType = 'arraybuffer';
  await once(client, 'open');
  const text = 'x'.repeat(100_000);
  client.send(text);
  let got = '';
  const whole = new Promise<void>((resolve) => {
    client.addEventListener('message', ({ data }) => {
      got += Buffer.from(data as ArrayBuffer).toString();
      if (got.length >= text.length) resolve();
    });
  });
  await whole;
  assert.equal(got, text);
  const closed = once(client, 'close');
  client.close(1000);
  const [event] = (await closed) as [CloseEvent];
  assert.deepEqual([event.code, event.wasClean], [1000, true]);
});
