import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { createLog } from '../base/log.ts';
import { loadConfig } from '../config/config.ts';
import { createApi } from './app.ts';
import type { Api } from './context.ts';
import { FakeEngine, FakeImages } from './fake-engine.ts';
import { RawClient, startApi } from './fixture.ts';
import { claimSocket, close, listen } from './server.ts';

function newApi(): Api {
  const images = new FakeImages();
  return createApi({
    engine: new FakeEngine(images),
    images,
    config: loadConfig({}, {}),
    log: createLog('silent'),
    version: '0',
  });
}

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'abode-server-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test('the socket is for its owner and group only', async (t) => {
  const { socket } = await startApi(t);
  assert.equal((await stat(socket)).mode & 0o777, 0o660);
});

test('a socket that a killed daemon left is replaced', async (t) => {
  const path = join(await directory(t), 'api.sock');
  const child = spawn(process.execPath, ['-e', `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  assert.ok((await stat(path)).isSocket());
  const api = newApi();
  await claimSocket(path);
  await listen(api, path);
  await close(api, 1000);
});

test('a socket that somebody answers on, and what is no socket, stay', async (t) => {
  const path = join(await directory(t), 'api.sock');
  const other = createServer().listen(path);
  await once(other, 'listening');
  await assert.rejects(claimSocket(path), { code: 'conflict', message: /already answers/ });
  other.close();
  await writeFile(`${path}.txt`, 'mine');
  await assert.rejects(claimSocket(`${path}.txt`), {
    code: 'conflict',
    message: /not a socket/,
  });
});

test('closing lets a request finish and cuts off what is late', async (t) => {
  const { api, engine, socket } = await startApi(t);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const facts = await engine.facts();
  engine.facts = async () => {
    await held;
    return facts;
  };
  const client = new RawClient(socket);
  client.send('GET /abode/facts HTTP/1.1\r\nHost: d\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = close(api, 3000);
  setTimeout(release, 50);
  await closed;
  await client.until(() => client.ended, 'end');
  assert.match(client.split().head, /^HTTP\/1\.1 200 OK/);
});

test('a body that is cut off, a head that is none, and 100-continue are answered', async (t) => {
  const { socket } = await startApi(t);
  const cut = new RawClient(socket);
  cut.send('POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"Image":');
  cut.socket.end();
  await cut.until(() => cut.ended, 'answer');
  assert.match(cut.received.toString(), /^HTTP\/1\.1 400 .*invalid JSON: unexpected EOF/s);
  const wild = new RawClient(socket);
  wild.send('what?\r\n\r\n');
  await wild.until(() => wild.ended, 'answer');
  assert.match(wild.received.toString(), /^HTTP\/1\.1 400 /);
  const polite = new RawClient(socket);
  polite.send(
    'POST /images/load HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Type: application/x-tar\r\nContent-Length: 200\r\n\r\n',
  );
  await polite.until(() => polite.received.includes('100 Continue'), 'continue');
  polite.send('x'.repeat(200));
  await polite.until(() => polite.received.includes('Loaded image'), 'answer');
  polite.socket.end();
});
