/** Against a small registry whose faults the test chooses; what a real one does is in test/integration/pull.test.ts. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Blob, downloadBlob, rangeStart } from './download.ts';
import { fetchManifest } from './manifest.ts';
import { type Credentials, RegistrySession } from './session.ts';

const content = randomBytes(300_000);
const blob: Blob = { digest: digestOf(content), size: content.length };
const platform = { os: 'linux', architecture: 'amd64', variant: '' };

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** Counts the requests for anything but `/v2/`. */
async function serve(t: TestContext, handler: Handler): Promise<{ host: string; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/v2/') {
      response.end();
      return;
    }
    asked.push(request);
    handler(request, response, asked.length);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { host: `127.0.0.1:${String(address.port)}`, asked };
}

function open(host: string, credentials?: Credentials): RegistrySession {
  return new RegistrySession({
    endpoint: { host, insecure: true },
    repository: 'team/app',
    credentials,
    signal: AbortSignal.timeout(60_000),
  });
}

async function download(t: TestContext, host: string, wanted: Blob = blob): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-download-'));
  t.after(() => rm(directory, { recursive: true }));
  await using session = open(host);
  const path = join(directory, 'blob');
  await downloadBlob(session, wanted, { path, name: 'team/app', signal: AbortSignal.timeout(60_000), report: () => undefined });
  return await readFile(path);
}

/** Breaks the connection off after so many bytes of the answer. */
function cut(response: ServerResponse, bytes: Buffer, after: number): void {
  response.write(bytes.subarray(0, after), () => response.destroy());
}

test('a transfer that breaks off is taken up where it was', async (t) => {
  const { host, asked } = await serve(t, (request, response, count) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = content.subarray(from);
    response.writeHead(from === 0 ? 200 : 206, {
      'content-length': rest.length,
      ...(from > 0 && { 'content-range': `bytes ${String(from)}-${String(content.length - 1)}/${String(content.length)}` }),
    });
    if (count < 3) cut(response, rest, 100_000);
    else response.end(rest);
  });
  assert.ok((await download(t, host)).equals(content));
  const starts = asked.map(({ headers }) => Number(/\d+/.exec(headers.range ?? '0')?.[0]));
  assert.equal(starts.length, 3);
  assert.ok((starts[1] ?? 0) > 0 && (starts[2] ?? 0) > (starts[1] ?? 0), starts.join(' '));
});

test('a registry that knows no ranges is read from the beginning', async (t) => {
  const { host, asked } = await serve(t, (_request, response, count) => {
    response.writeHead(200, { 'content-length': content.length });
    if (count === 1) cut(response, content, 70_000);
    else response.end(content);
  });
  assert.ok((await download(t, host)).equals(content));
  assert.equal(asked.length, 2);
});

test('other bytes, more bytes and other ranges than asked for are refused', async (t) => {
  const wrong = Buffer.from(content);
  wrong[5] = (wrong[5] ?? 0) ^ 1;
  const other = await serve(t, (_request, response) => response.end(wrong));
  await assert.rejects(download(t, other.host), {
    code: 'invalid',
    message: `filesystem layer verification failed for digest ${blob.digest}`,
  });
  const more = await serve(t, (_request, response) => response.end(Buffer.concat([content, content])));
  await assert.rejects(download(t, more.host), /is larger than the 300000 bytes/);
  const elsewhere = await serve(t, (_request, response, count) => {
    response.writeHead(count === 1 ? 200 : 206, { 'content-range': 'bytes 0-299999/300000', 'content-length': content.length });
    if (count === 1) cut(response, content, 70_000);
    else response.end(content);
  });
  await assert.rejects(download(t, elsewhere.host), /another part of a layer/);
});

test('a token is fetched with the credentials, and goes to the registry alone', async (t) => {
  const credentials = { username: 'ann', password: 'secret:1' };
  const token = await serve(t, (request, response) => {
    const known = request.headers.authorization === `Basic ${Buffer.from('ann:secret:1').toString('base64')}`;
    response.writeHead(known ? 200 : 401);
    response.end(JSON.stringify(known ? { token: 't0ken' } : { errors: [{ code: 'UNAUTHORIZED', message: 'who?' }] }));
  });
  const store = await serve(t, (_request, response) => response.end(content));
  const registry = await serve(t, (request, response) => {
    if (request.headers.authorization === 'Bearer t0ken') response.writeHead(307, { location: `http://${store.host}/blob` }).end();
    else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${token.host}/token",service="reg"` }).end();
  });
  await using session = open(registry.host, credentials);
  const answer = await session.get(`blobs/${blob.digest}`);
  assert.ok((await session.read(answer, content.length, 'a blob')).equals(content));
  assert.equal(token.asked[0]?.url, '/token?service=reg&scope=repository%3Ateam%2Fapp%3Apull');
  assert.equal(store.asked[0]?.headers.authorization, undefined);
  await using stranger = open(registry.host);
  await assert.rejects(stranger.get('manifests/1'), { code: 'forbidden', message: 'unauthorized: who?' });
});

test('basic credentials are given only when asked for; redirects end', async (t) => {
  const { host, asked } = await serve(t, (request, response) => {
    if (request.url?.endsWith('/loop') === true) response.writeHead(302, { location: request.url }).end();
    else if (request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    else response.end('{}');
  });
  await using session = open(host, { username: 'a', password: 'b' });
  assert.equal((await session.get('tags/list')).status, 200);
  assert.deepEqual(
    asked.map(({ headers }) => headers.authorization),
    [undefined, 'Basic YTpi'],
  );
  await assert.rejects(session.get('loop'), /stopped after 5 redirects/);
});

test('the manifest of the platform is taken from a list; none, one too large and an unknown one are refused', async (t) => {
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const image = Buffer.from(JSON.stringify({ mediaType: type, config: blob, layers: [blob] }));
  const entry = { mediaType: type, digest: digestOf(image), size: image.length };
  const list = Buffer.from(
    JSON.stringify({
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        { ...entry, digest: digestOf(content), platform: { os: 'linux', architecture: 'arm64' } },
        { ...entry, platform: { os: 'linux', architecture: 'amd64' } },
      ],
    }),
  );
  const { host } = await serve(t, (request, response) => {
    const name = request.url?.split('/').at(-1);
    if (name === 'large') response.end(Buffer.alloc((4 << 20) + 1));
    else if (name === 'old') response.end('{"schemaVersion":1}');
    else response.end(name === 'list' ? list : name === entry.digest ? image : content);
  });
  await using session = open(host);
  const ask = (reference: string, architecture = 'amd64') =>
    fetchManifest(session, { reference, name: `team/app:${reference}`, familiar: 'team/app', platform: { ...platform, architecture } });
  assert.deepEqual(await ask('list').then(({ image: found, digest }) => [found.layers.length, digest]), [1, digestOf(list)]);
  await assert.rejects(ask('list', 's390x'), /^AbodeError: no matching manifest for linux\/s390x in the manifest list entries$/);
  await assert.rejects(ask('list', 'arm64'), /^AbodeError: (?:invalid manifest|manifest verification failed)/);
  await assert.rejects(ask('large'), /a manifest of more than 4194304 bytes/);
  await assert.rejects(ask('old'), /unsupported manifest of team\/app:old/);
  await assert.rejects(ask(`sha256:${'0'.repeat(64)}`), /manifest verification failed for digest sha256:0000/);
});

test('a registry that is not there is told in words', async () => {
  await using session = open('127.0.0.1:1');
  await assert.rejects(session.get('manifests/1'), {
    code: 'unavailable',
    message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  });
});

test('the start of a range', () => {
  assert.equal(rangeStart('bytes 5-9/10'), 5);
  assert.equal(rangeStart('bytes 5-9/*'), 5);
  assert.equal(rangeStart('bytes */10'), undefined);
  assert.equal(rangeStart(''), undefined);
});
