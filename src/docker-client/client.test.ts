import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Readable } from 'node:stream';
import { AbodeError } from '../base/errors.ts';
import { AbodeClient } from './abode-client.ts';
import { DockerClient } from './client.ts';
import { EngineError } from './errors.ts';

async function serve(
  t: TestContext,
  listener: RequestListener,
): Promise<{ client: DockerClient; server: ReturnType<typeof createServer> }> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-client-'));
  const server = createServer(listener);
  const socket = join(directory, 'engine.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  });
  return { client: new DockerClient(socket), server };
}

test("an engine's refusal keeps its status and its words", async (t) => {
  const { client } = await serve(t, (_request, response) => {
    response.writeHead(409, { 'Content-Type': 'application/json' }).end('{"message":"the name is in use"}');
  });
  await assert.rejects(client.create({ image: 'x', stdin: false, labels: {} }), (error: unknown) => {
    assert.ok(error instanceof EngineError);
    assert.deepEqual([error.status, error.code, error.message], [409, 'conflict', 'the name is in use']);
    return true;
  });
});

test('a socket that is not there says how to start an engine', async () => {
  await assert.rejects(new DockerClient('/nonexistent/engine.sock').ping(), (error: unknown) => {
    assert.ok(error instanceof AbodeError);
    assert.equal(error.code, 'unavailable');
    assert.match(error.hint ?? '', /abode up/);
    return true;
  });
});

test('another engine than Abode is told apart from a failure', async (t) => {
  const { client } = await serve(t, (_request, response) => {
    response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"message":"page not found"}');
  });
  await assert.rejects(new AbodeClient(client.socket).facts(), /is not Abode/);
});

test('an answer without the promised fields is an error, not undefined', async (t) => {
  const { client } = await serve(t, (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  });
  await assert.rejects(client.image('x'), /no usable Id/);
});

test('attaching takes the connection over: both outputs come, input goes, and the end is told', async (t) => {
  const { client, server } = await serve(t, (_request, response) => void response.writeHead(500).end());
  server.on('upgrade', (request, socket) => {
    assert.equal(request.headers.upgrade, 'tcp');
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    socket.write(Buffer.from([1, 0, 0, 0, 0, 0, 0, 2, 0x68, 0x69]));
    socket.once('data', (input: Buffer) => {
      socket.end(Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, input.length]), input]));
    });
  });
  const got: string[] = [];
  using attached = await client.attach('c', {
    stdin: true,
    listener: (stream, data) => got.push(`${stream}:${data.toString()}`),
  });
  await attached.write('go');
  await attached.ended;
  assert.deepEqual(got, ['stdout:hi', 'stderr:go']);
});

test('an attach that is refused is an error with the status', async (t) => {
  const { client } = await serve(t, (_request, response) => {
    response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"message":"No such container: c"}');
  });
  await assert.rejects(
    client.attach('c', { stdin: false, listener: () => undefined }),
    (error: unknown) => error instanceof EngineError && error.status === 404,
  );
});

test('a load gives the name of what was loaded, or the reason why not', async (t) => {
  let failing = false;
  const { client } = await serve(t, (request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(failing ? '{"errorDetail":{"message":"bad"},"error":"bad"}\r\n' : '{"stream":"Loaded image: localhost/a:1\\n"}\r\n');
    });
  });
  assert.equal(await client.loadImage(Readable.from([Buffer.from('tar')])), 'localhost/a:1');
  failing = true;
  await assert.rejects(client.loadImage(Readable.from([Buffer.from('tar')])), /could not be loaded: bad/);
});
