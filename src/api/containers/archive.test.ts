import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApi } from '../fixture.ts';

test('the archive of a path: its facts in the header, the tar in the body', async (t) => {
  const { api } = await startApi(t);
  const created = await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  assert.equal(created.statusCode, 201);
  const facts = { name: 'file', size: 3, mode: 0o644, mtime: '2026-01-02T03:04:05.000000006Z', linkTarget: '' };
  for (const method of ['GET', 'HEAD'] as const) {
    const answer = await api.inject({ method, url: '/v1.41/containers/box/archive?path=/some/file' });
    assert.equal(answer.statusCode, 200);
    const header = String(answer.headers['x-docker-container-path-stat']);
    assert.deepEqual(JSON.parse(Buffer.from(header, 'base64').toString()), facts);
    assert.equal(answer.body, method === 'GET' ? 'a tar' : '');
  }
});

test('a path that is missing, empty or nowhere', async (t) => {
  const { api } = await startApi(t);
  await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  for (const method of ['GET', 'HEAD', 'PUT'] as const) {
    for (const query of ['', '?path=', '?noOverwriteDirNonDir=1']) {
      const answer = await api.inject({ method, url: `/containers/box/archive${query}` });
      assert.equal(answer.statusCode, 400, `${method} ${query}`);
      if (method !== 'HEAD') assert.deepEqual(answer.json(), { message: 'bad parameter: pathcannot be empty' });
    }
    const nowhere = await api.inject({ method, url: '/containers/box/archive?path=/nosuch' });
    assert.equal(nowhere.statusCode, 404);
    const nobody = await api.inject({ method, url: '/containers/other/archive?path=/' });
    assert.equal(nobody.statusCode, 404);
  }
});

test('an archive that is put is passed on as it comes, with what was asked', async (t) => {
  const { api, engine } = await startApi(t);
  await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  const url = '/containers/box/archive?path=/srv&noOverwriteDirNonDir=true&copyUIDGID=1';
  const answer = await api.inject({ method: 'PUT', url, headers: { 'content-type': 'application/x-tar' }, payload: Buffer.alloc(100_000) });
  assert.deepEqual([answer.statusCode, answer.body], [200, '']);
  assert.deepEqual(
    engine.calls.filter((call) => call.startsWith('put')),
    ['put 100000 /srv {"noOverwriteDirNonDir":true,"copyUidGid":true}'],
  );
});

test('changes are as Docker lists them, none are null', async (t) => {
  const { api, engine } = await startApi(t);
  await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  assert.equal((await api.inject('/containers/box/changes')).body, 'null');
  engine.fileChanges = [{ kind: 2, path: '/gone' }];
  assert.deepEqual((await api.inject('/containers/box/changes')).json(), [{ Path: '/gone', Kind: 2 }]);
});
