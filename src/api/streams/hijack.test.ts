import assert from 'node:assert/strict';
import test from 'node:test';
import { close } from '../server.ts';
import { type Fixture, RawClient, readFrames, startApi, UPGRADE } from '../fixture.ts';

const JSON_TYPE = 'Content-Type: application/json';

async function run(fixture: Fixture, command: string[], config: object = {}): Promise<string> {
  const { id } = await fixture.engine.create({
    config: { Image: 'bb:1', Cmd: command, StdinOnce: true, ...config },
    host: {},
  });
  return id;
}

test('attach switches protocols, sends the input on and outlives the end of it', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['cat']);
  const client = new RawClient(fixture.socket);
  client.post(`/v1.51/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`, UPGRADE);
  await client.until(() => client.received.includes('\r\n\r\n'), 'upgrade');
  assert.match(
    client.split().head,
    /^HTTP\/1\.1 101 UPGRADED\r\nContent-Type: application\/vnd\.docker\.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp$/,
  );
  await fixture.engine.start(id);
  client.send('one');
  await client.until(() => client.received.includes('one'), 'echo');
  client.socket.end('two');
  await client.until(() => client.ended, 'end of output');
  assert.equal(
    readFrames(client.split().body)
      .map(([, text]) => text)
      .join(''),
    'onetwo',
  );
});

test('input sent together with the request is not lost', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['cat']);
  await fixture.engine.start(id);
  const client = new RawClient(fixture.socket);
  client.send(`POST /containers/${id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n${UPGRADE.join('\r\n')}\r\n\r\nearly`);
  client.socket.end();
  await client.until(() => client.ended, 'end');
  assert.deepEqual(readFrames(client.split().body), [[1, 'early']]);
});

test('before 1.42 both forms of stream have the same name', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['both']);
  const client = new RawClient(fixture.socket);
  client.post(`/v1.41/containers/${id}/attach?stream=1&stdout=1&stderr=1`, UPGRADE);
  await client.until(() => client.received.includes('\r\n\r\n'), 'upgrade');
  await fixture.engine.start(id);
  await client.until(() => client.ended, 'end');
  assert.match(client.split().head, /raw-stream/);
  assert.deepEqual(readFrames(client.split().body), [
    [1, 'out\n'],
    [2, 'err\n'],
  ]);
});

test('without an upgrade the output is an ordinary answer', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['both']);
  const client = new RawClient(fixture.socket);
  client.post(`/containers/${id}/attach?stream=1&stdout=1`, ['Content-Length: 0', 'Connection: close']);
  await client.until(() => client.received.includes('\r\n\r\n'), 'head');
  await fixture.engine.start(id);
  await client.until(() => client.ended, 'end');
  assert.match(client.split().head, /^HTTP\/1\.1 200 OK/);
  assert.ok(client.received.includes('out\n'));
  assert.ok(!client.received.includes('err\n'));
});

test('errors before the upgrade are plain HTTP', async (t) => {
  const fixture = await startApi(t);
  for (const [url, body, status] of [
    ['/containers/nope/attach?stream=1', '', '404 Not Found'],
    ['/exec/nope/start', '{"Detach":false}', '404 Not Found'],
    ['/exec/nope/start', '{"Detach":', '400 Bad Request'],
    ['/exec/nope/start', '{"Detach":5}', '400 Bad Request'],
    ['/v1.99/containers/x/attach', '', '400 Bad Request'],
  ] as const) {
    const client = new RawClient(fixture.socket);
    client.post(url, [...UPGRADE, JSON_TYPE], body);
    await client.until(() => client.ended, url);
    assert.match(client.split().head, new RegExp(`^HTTP/1\\.1 ${status}\r\n`), url);
    assert.equal(typeof JSON.parse(client.split().body.toString()).message, 'string');
  }
});

test('an upgrade that is not ours to give is ignored', async (t) => {
  const fixture = await startApi(t);
  const client = new RawClient(fixture.socket);
  client.post('/session', ['Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 0']);
  await client.until(() => client.received.includes('}'), 'answer');
  assert.match(client.split().head, /^HTTP\/1\.1 501 /);
});

test('exec: the body may come in pieces, what follows it is input', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['sleep']);
  await fixture.engine.start(id);
  const exec = await fixture.engine.createExec(id, {
    command: ['cat'],
    tty: false,
    attachStdin: true,
    attachStdout: true,
    attachStderr: true,
    detachKeys: '',
    user: '',
    env: [],
    workingDir: '',
    privileged: false,
  });
  const client = new RawClient(fixture.socket);
  const body = '{"Detach":false,"Tty":false,"ConsoleSize":[24,80]}';
  client.send(
    `POST /v1.51/exec/${exec}/start HTTP/1.1\r\nHost: d\r\n${UPGRADE.join('\r\n')}\r\n${JSON_TYPE}\r\nContent-Length: ${String(body.length)}\r\n\r\n${body.slice(0, 7)}`,
  );
  await new Promise((resolve) => setTimeout(resolve, 30));
  client.send(`${body.slice(7)}typed ahead`);
  client.socket.end();
  await client.until(() => client.ended, 'end');
  assert.match(client.split().head, /^HTTP\/1\.1 101 /);
  assert.deepEqual(readFrames(client.split().body), [[1, 'typed ahead']]);
  assert.ok(fixture.engine.calls.includes('startExec {"detach":false,"rows":24,"columns":80}'));
});

test('exec: a command that cannot run is output and an exit code, a second start is refused', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['sleep']);
  await fixture.engine.start(id);
  const created = await fixture.api.inject({
    method: 'POST',
    url: `/containers/${id}/exec`,
    payload: { Cmd: ['nonsense'], AttachStdout: true },
  });
  const { Id } = created.json<{ Id: string }>();
  const client = new RawClient(fixture.socket);
  client.post(`/exec/${Id}/start`, [...UPGRADE, JSON_TYPE], '{}');
  await client.until(() => client.ended, 'end');
  assert.deepEqual(readFrames(client.split().body), [[1, 'exec failed: "nonsense": executable file not found in $PATH\r\n']]);
  const inspected = await fixture.api.inject(`/exec/${Id}/json`);
  assert.equal(inspected.json<{ ExitCode: number }>().ExitCode, 127);
  const again = await fixture.api.inject({ method: 'POST', url: `/exec/${Id}/start`, payload: {} });
  assert.equal(again.statusCode, 409);
});

test('the detach keys take the client off a terminal; the process goes on', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['cat'], { Tty: true, OpenStdin: true });
  await fixture.engine.start(id);
  const client = new RawClient(fixture.socket);
  client.post(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`, UPGRADE);
  await client.until(() => client.received.includes('\r\n\r\n'), 'upgrade');
  client.send('hi\x10');
  await client.until(() => client.received.includes('hi'), 'echo');
  client.send('\x11');
  await client.until(() => client.ended, 'detach');
  assert.equal(client.split().body.toString(), 'hi');
  assert.equal(fixture.engine.get(id).state.status, 'running');
  assert.equal(fixture.engine.processes.get(id)?.inputEnded, false);
});

test('the end of the input ends the session, not the process, on a terminal and where input may be attached again', async (t) => {
  const fixture = await startApi(t);
  for (const config of [{ Tty: true }, { StdinOnce: false }]) {
    const id = await run(fixture, ['cat'], config);
    await fixture.engine.start(id);
    const client = new RawClient(fixture.socket);
    client.post(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`, UPGRADE);
    await client.until(() => client.received.includes('\r\n\r\n'), 'upgrade');
    client.socket.end();
    await client.until(() => client.ended, 'end of the session');
    assert.equal(fixture.engine.get(id).state.status, 'running');
  }
});

test('without a terminal the same bytes are data', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['cat']);
  await fixture.engine.start(id);
  const client = new RawClient(fixture.socket);
  client.post(`/containers/${id}/attach?stream=1&stdin=1&stdout=1`, UPGRADE);
  await client.until(() => client.received.includes('\r\n\r\n'), 'upgrade');
  client.socket.end('a\x10\x11b');
  await client.until(() => client.ended, 'end');
  assert.equal(
    readFrames(client.split().body)
      .map(([, text]) => text)
      .join(''),
    'a\x10\x11b',
  );
});

test('a client that does not read stops the process, not the memory', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['fill', '100000000']);
  const client = new RawClient(fixture.socket);
  client.post(`/containers/${id}/attach?stream=1&stdout=1`, UPGRADE);
  await client.until(() => client.received.includes('\r\n\r\n'), 'upgrade');
  client.socket.pause();
  await fixture.engine.start(id);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const process = fixture.engine.processes.get(id);
  assert.ok((process?.written ?? 0) < 10_000_000, `${String(process?.written)} bytes were taken from the process`);
  client.socket.destroy();
  await client.until(() => fixture.engine.get(id).state.status === 'exited', 'the process goes on when the client is gone');
});

test('closing the daemon ends what is open', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['sleep']);
  await fixture.engine.start(id);
  const attached = new RawClient(fixture.socket);
  attached.post(`/containers/${id}/attach?stream=1&stdout=1`, UPGRADE);
  const waiting = new RawClient(fixture.socket);
  waiting.post(`/containers/${id}/wait`, ['Content-Length: 0']);
  const listening = new RawClient(fixture.socket);
  listening.send('GET /events HTTP/1.1\r\nHost: d\r\n\r\n');
  for (const client of [attached, waiting, listening]) await client.until(() => client.received.includes('\r\n\r\n'), 'head');
  const before = Date.now();
  await close(fixture.api, 5000);
  assert.ok(Date.now() - before < 900);
  for (const client of [attached, waiting, listening]) await client.until(() => client.ended, 'end');
});

test('a client that left before its stream was ready leaves nothing attached', async (t) => {
  const fixture = await startApi(t);
  const id = await run(fixture, ['sleep']);
  await fixture.engine.start(id);
  const attach = fixture.engine.attach.bind(fixture.engine);
  const closed: string[] = [];
  fixture.engine.attach = async (reference, options) => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const attachment = await attach(reference, options);
    return {
      ...attachment,
      close: () => {
        closed.push(reference);
        attachment.close();
      },
    };
  };
  for (const headers of [UPGRADE, ['Content-Length: 0']]) {
    const client = new RawClient(fixture.socket);
    client.post(`/containers/${id}/attach?stream=1&stdout=1`, headers);
    await new Promise((resolve) => setTimeout(resolve, 30));
    client.socket.destroy();
    const before = closed.length;
    await client.until(() => closed.length > before, `closed (${headers.join()})`);
  }
});
