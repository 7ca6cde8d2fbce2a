import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { parseExposition, valueOf } from '../../metrics/exposition-fixture.ts';
import { startApi } from '../fixture.ts';

function get(options: { socketPath: string; path: string }): Promise<{ status: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    request({ agent: false, ...options }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      answer.on('end', () => {
        resolve({ status: answer.statusCode ?? 0, type: String(answer.headers['content-type']), body });
      });
    })
      .on('error', reject)
      .end();
  });
}

test('requests are counted by route and status, the daemon measures itself', async (t) => {
  const { socket: socketPath } = await startApi(t);
  for (const path of ['/containers/json', '/v1.41/containers/json?all=1', '/containers/no/json', '/nowhere'])
    await get({ socketPath, path });
  const { status, type, body } = await get({ socketPath, path: '/metrics' });
  assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  const families = parseExposition(body);
  const requests = (route: string, code: string): number => valueOf(families, 'abode_api_requests_total', { method: 'GET', route, code });
  assert.equal(requests('/containers/json', '200'), 2);
  assert.equal(requests('/containers/:id/json', '404'), 1);
  assert.equal(requests('none', '404'), 1);
  assert.equal(valueOf(families, 'abode_api_request_duration_seconds', { method: 'GET' }, '_count'), 4);
  assert.equal(valueOf(families, 'abode_api_requests_in_flight'), 1);
  assert.ok(valueOf(families, 'process_resident_memory_bytes') > 1e6);
  assert.ok(valueOf(families, 'process_cpu_seconds_total') > 0);
  assert.ok(Math.abs(valueOf(families, 'process_start_time_seconds') - Date.now() / 1000) < 1000);
  assert.equal(valueOf(families, 'abode_engine_info', { version: '0.0.1' }), 1);
});
