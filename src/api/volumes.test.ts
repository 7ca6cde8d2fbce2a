/** The volume routes over a fake engine: statuses, bodies, filters by API version. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { startApi } from './fixture.ts';

function call(socketPath: string, method: string, path: string, body?: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request({ socketPath, method, path, headers }, (answer) => {
      text(answer)
        .then((read) => {
          resolve({ status: answer.statusCode ?? 0, body: read === '' ? undefined : JSON.parse(read) });
        })
        .catch(reject);
    });
    asked.on('error', reject).end(body);
  });
}

test('a volume is made, shown, listed and removed', async (t) => {
  const { socket } = await startApi(t);
  const volume = {
    CreatedAt: '2026-01-02T03:04:05Z',
    Driver: 'local',
    Labels: { a: 'b' },
    Mountpoint: '/volumes/data/_data',
    Name: 'data',
    Options: null,
    Scope: 'local',
  };
  const made = await call(socket, 'POST', '/volumes/create', '{"Name":"data","Driver":"local","Labels":{"a":"b"},"DriverOpts":null}');
  assert.deepEqual(made, { status: 201, body: volume });
  assert.deepEqual(await call(socket, 'GET', '/volumes/data'), { status: 200, body: volume });
  assert.deepEqual(await call(socket, 'GET', '/volumes'), { status: 200, body: { Volumes: [volume], Warnings: null } });
  const usage = await call(socket, 'GET', '/system/df?type=volume');
  assert.deepEqual(usage.body, { Volumes: [{ ...volume, UsageData: { Size: 10, RefCount: 0 } }] });
  assert.deepEqual(await call(socket, 'DELETE', '/volumes/data'), { status: 204, body: undefined });
  assert.deepEqual(await call(socket, 'DELETE', '/volumes/data'), { status: 404, body: { message: 'get data: no such volume' } });
  assert.equal((await call(socket, 'DELETE', '/volumes/data?force=1')).status, 204);
});

test('requests that cannot be right are refused', async (t) => {
  const { socket } = await startApi(t);
  const filters = (value: object): string => encodeURIComponent(JSON.stringify(value));
  for (const [method, path, body, status, message] of [
    ['POST', '/volumes/create', undefined, 400, /got EOF/],
    ['POST', '/volumes/create', '{"Name":5}', 400, /cannot unmarshal number into field Name of type string/],
    ['POST', '/volumes/create', '{"ClusterVolumeSpec":{}}', 501, /cluster volume/],
    ['GET', `/volumes?filters=${filters({ nosuch: ['x'] })}`, undefined, 400, /invalid filter 'nosuch'/],
    ['GET', `/volumes?filters=${filters({ dangling: ['maybe'] })}`, undefined, 400, /invalid filter 'dangling=\[maybe\]'/],
    ['POST', `/v1.41/volumes/prune?filters=${filters({ all: ['1'] })}`, undefined, 400, /invalid filter 'all'/],
  ] as const) {
    const answer = await call(socket, method, path, body);
    assert.equal(answer.status, status, path);
    assert.match(String(Reflect.get(Object(answer.body), 'message')), message);
  }
});

test('since 1.42 prune spares what has a name, unless all are asked for', async (t) => {
  const { socket, engine } = await startApi(t);
  const all = encodeURIComponent(JSON.stringify({ all: ['true'], 'label!': ['keep'] }));
  const pruned = async (path: string): Promise<unknown[]> => {
    const { body } = await call(socket, 'POST', path);
    return [engine.volumes.pruned, body];
  };
  const nothing = { VolumesDeleted: null, SpaceReclaimed: 0 };
  assert.deepEqual(await pruned('/v1.41/volumes/prune'), [{ all: true, label: [], notLabel: [] }, nothing]);
  assert.deepEqual(await pruned('/v1.42/volumes/prune'), [{ all: false, label: [], notLabel: [] }, nothing]);
  await call(socket, 'POST', '/volumes/create', '{"Name":"data"}');
  assert.deepEqual(await pruned(`/v1.42/volumes/prune?filters=${all}`), [
    { all: true, label: [], notLabel: ['keep'] },
    { VolumesDeleted: ['data'], SpaceReclaimed: 10 },
  ]);
});
