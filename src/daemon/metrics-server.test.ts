import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApi } from '../api/fixture.ts';
import { parseExposition } from '../metrics/exposition-fixture.ts';
import { closeMetrics, serveMetrics } from './metrics-server.ts';

test('by TCP there are metrics and nothing else', async (t) => {
  const { api } = await startApi(t);
  const server = await serveMetrics(api, { host: '127.0.0.1', port: 0 });
  t.after(() => {
    closeMetrics(server);
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const get = (path: string, method = 'GET'): Promise<Response> => fetch(`http://127.0.0.1:${String(port)}${path}`, { method });
  const answer = await get('/metrics');
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  assert.ok(parseExposition(await answer.text()).has('abode_engine_info'));
  assert.equal(await (await get('/metrics', 'HEAD')).text(), '');
  for (const path of ['/containers/json', '/', '/_ping', '/metrics/x']) assert.equal((await get(path)).status, 404, path);
  assert.equal((await get('/metrics', 'POST')).status, 405);
  await assert.rejects(serveMetrics(api, { host: '127.0.0.1', port }), {
    code: 'unavailable',
    message: /metrics cannot be served at 127\.0\.0\.1:\d+/,
  });
});
