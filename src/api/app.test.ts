import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { type Fixture, startApi } from './fixture.ts';

type Method = 'GET' | 'POST' | 'DELETE' | 'HEAD' | 'PUT';

async function ask(
  fixture: Fixture,
  method: Method,
  url: string,
  payload?: object | string,
  type = 'application/json',
): Promise<{ status: number; body: unknown; message: string }> {
  const answer = await fixture.api.inject({
    method,
    url,
    ...(payload !== undefined && { payload, headers: { 'content-type': type } }),
  });
  const body: unknown = answer.payload === '' ? undefined : JSON.parse(answer.payload);
  return {
    status: answer.statusCode,
    body,
    message: body instanceof Object && 'message' in body ? String(body.message) : '',
  };
}

async function create(fixture: Fixture, body: object, query = ''): Promise<string> {
  const answer = await ask(fixture, 'POST', `/containers/create${query}`, body);
  assert.equal(answer.status, 201, answer.message);
  return (answer.body as { Id: string }).Id;
}

test('ping answers with the headers that clients negotiate by', async (t) => {
  const { api } = await startApi(t);
  for (const method of ['GET', 'HEAD'] as const) {
    const answer = await api.inject({ method, url: '/_ping' });
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['api-version'], '1.51');
    assert.equal(answer.headers['builder-version'], '1');
    assert.equal(answer.headers['docker-experimental'], 'false');
    assert.equal(answer.headers['ostype'], 'linux');
    assert.equal(answer.headers['server'], 'Abode/0.0.1 (linux)');
    assert.equal(answer.headers['cache-control'], 'no-cache, no-store, must-revalidate');
    assert.equal(answer.payload, method === 'GET' ? 'OK' : '');
  }
});

test('what is no route, no version, not available or a swarm', async (t) => {
  const fixture = await startApi(t);
  const cases: Array<[Method, string, number, RegExp]> = [
    ['GET', '/nope', 404, /^page not found$/],
    ['POST', '/v1.41/version', 404, /^page not found$/],
    ['GET', '/v1.99/info', 400, /^client version 1\.99 is too new\. Maximum supported API version is 1\.51$/],
    ['GET', '/v1.2/info', 400, /too old/],
    ['GET', '/swarm', 503, /^This node is not a swarm manager\./],
    ['POST', '/services/create', 503, /swarm manager/],
    ['GET', '/v1.50/images/search', 501, /^docker search is not available in this version$/],
    ['POST', '/commit', 501, /docker commit/],
    ['POST', '/build', 501, /docker build/],
    ['POST', '/images/create?fromImage=alpine', 501, /^pulling all tags of a repository is not available in this version: name one$/],
    ['POST', '/images/create?fromImage=absent&tag=latest', 404, /^manifest for absent:latest not found: manifest unknown$/],
    ['POST', '/images/create?fromSrc=ftp://x', 501, /pipe the archive in/],
    ['POST', '/auth', 501, /registry/],
    ['GET', '/volumes/v', 404, /^get v: no such volume$/],
    ['GET', '/networks/n', 404, /^network n not found$/],
    ['DELETE', '/networks/bridge', 403, /^bridge is a pre-defined network and cannot be removed$/],
  ];
  for (const [method, url, status, message] of cases) {
    const answer = await ask(fixture, method, url);
    assert.equal(answer.status, status, url);
    assert.match(answer.message, message, url);
  }
});

test("an error's type is to the letter what Docker's client wants", async (t) => {
  const { api } = await startApi(t);
  assert.equal((await api.inject('/containers/nope/json')).headers['content-type'], 'application/json');
  assert.equal((await api.inject('/info')).headers['content-type'], 'application/json');
});

test('a container is refused for what cannot be right', async (t) => {
  const fixture = await startApi(t);
  const image = { Image: 'bb:1' };
  const cases: Array<[object | string | undefined, number, RegExp, string?]> = [
    [undefined, 400, /^invalid JSON: got EOF while reading request body$/],
    ['', 400, /got EOF/],
    ['{"Image":', 400, /^invalid JSON: unexpected EOF$/],
    [{}, 400, /^config cannot be empty in order to create a container$/],
    [{ HostConfig: {} }, 400, /^config cannot be empty/],
    [{ Image: 5 }, 400, /^invalid JSON: json: cannot unmarshal number into field Image of type string$/],
    [{ ...image, HostConfig: { Memory: '64m' } }, 400, /cannot unmarshal string into field HostConfig\.Memory of type integer/],
    [{ ...image, HostConfig: { Memory: 1.5 } }, 400, /cannot unmarshal number 1\.5/],
    [{ ...image, Tty: 'yes' }, 400, /cannot unmarshal string into field Tty of type boolean/],
    [{ ...image, Env: 'A=1' }, 400, /cannot unmarshal string into field Env of type array/],
    [{ ...image, Labels: { a: 1 } }, 400, /cannot unmarshal number into field Labels\.a of type string/],
    [[], 400, /cannot unmarshal array/],
    [{ ...image, HostConfig: { Memory: 1 } }, 400, /^Minimum memory limit allowed is 6MB$/],
    [{ ...image, HostConfig: { Memory: 64 << 20, MemorySwap: 32 << 20 } }, 400, /^Minimum memoryswap limit/],
    [{ ...image, HostConfig: { NanoCpus: 1e15 } }, 400, /^range of CPUs is from 0\.01 to/],
    [{ ...image, HostConfig: { NanoCpus: 1e9, CpuQuota: 5000 } }, 400, /^Conflicting options/],
    [{ ...image, HostConfig: { RestartPolicy: { Name: 'often' } } }, 400, /^invalid restart policy: unknown policy 'often'/],
    [
      { ...image, HostConfig: { AutoRemove: true, RestartPolicy: { Name: 'always' } } },
      400,
      /^can't create 'AutoRemove' container with restart policy$/,
    ],
    [{ ...image, WorkingDir: 'tmp' }, 400, /^the working directory 'tmp' is invalid/],
    [{ ...image, Env: ['=x'] }, 400, /^invalid environment variable: =x$/],
    [image, 400, /^Invalid container name \(-x\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed$/, '?name=-x'],
    [{ ...image, HostConfig: { BlkioWeight: 70_000 } }, 400, /HostConfig\.BlkioWeight must be <= 65535/],
    [
      { ...image, HostConfig: { Devices: [{ PathOnHost: 1 }] } },
      400,
      /cannot unmarshal number into field HostConfig\.Devices\.0\.PathOnHost/,
    ],
    [{ ...image, Healthcheck: { Test: 'x' } }, 400, /cannot unmarshal string into field Healthcheck\.Test of type array/],
    [{ ...image, HostConfig: { Binds: '/a:/b' } }, 400, /cannot unmarshal string into field HostConfig\.Binds of type array/],
    [
      { ...image, HostConfig: { Mounts: [{ Type: 5 }] } },
      400,
      /cannot unmarshal number into field HostConfig\.Mounts\.0\.Type of type string/,
    ],
    [{ Image: 'nope' }, 404, /^No such image: nope:latest$/],
  ];
  for (const [body, status, message, query] of cases) {
    const answer = await ask(fixture, 'POST', `/containers/create${query ?? ''}`, body);
    assert.equal(answer.status, status, `${JSON.stringify(body)}: ${answer.message}`);
    assert.match(answer.message, message);
  }
  const wrongType = await ask(fixture, 'POST', '/containers/create', '{"Image":"bb:1"}', 'text/plain');
  assert.deepEqual(
    [wrongType.status, wrongType.message],
    [400, "unsupported Content-Type header (text/plain): must be 'application/json'"],
  );
  const large = await ask(fixture, 'POST', '/containers/create', `{"Image":"${'x'.repeat(8 << 20)}"}`);
  assert.deepEqual([large.status, large.message], [400, 'invalid JSON: http: request body too large']);
  assert.equal(fixture.engine.containers.size, 0, 'nothing is left behind');
});

test("what Docker's client sends is tolerated, and only what the engine knows reaches it", async (t) => {
  const fixture = await startApi(t);
  const body = {
    Hostname: '',
    Domainname: '',
    User: '',
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: null,
    Cmd: 'true',
    Image: 'bb:1',
    Volumes: {},
    WorkingDir: '',
    Entrypoint: null,
    OnBuild: null,
    Labels: {},
    Unknown: [1],
    HostConfig: {
      Binds: null,
      ContainerIDFile: '',
      LogConfig: { Type: '', Config: {} },
      NetworkMode: 'none',
      PortBindings: null,
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      CapAdd: null,
      Dns: [],
      IpcMode: '',
      CgroupnsMode: '',
      MemorySwappiness: -1,
      OomKillDisable: false,
      Devices: [],
      BlkioWeight: 0,
      PidsLimit: 0,
      ConsoleSize: [0, 0],
      Runtime: 'vm:shared',
      Memory: 64 << 20,
      MemoryReservation: 5,
    },
    NetworkingConfig: {
      EndpointsConfig: { none: { IPAMConfig: null, Links: null, Aliases: null, MacAddress: '' } },
    },
  };
  const answer = await ask(fixture, 'POST', '/v1.51/containers/create?name=/web', body);
  assert.equal(answer.status, 201, answer.message);
  assert.deepEqual((answer.body as { Warnings: string[] }).Warnings, []);
  const [created] = fixture.engine.created;
  assert.equal(created?.name, 'web');
  assert.deepEqual(created?.config.Cmd, ['true']);
  assert.equal('Env' in (created?.config ?? {}), false);
  assert.equal('Unknown' in (created?.config ?? {}), false);
  assert.equal(created?.host.NetworkMode, 'none');
  assert.equal(created?.host.Runtime, 'vm:shared');
  assert.equal(created?.host.MemoryReservation, 5);
});

test('inspect has every field, with defaults filled in', async (t) => {
  const fixture = await startApi(t);
  const id = await create(fixture, { Image: 'bb:1', Cmd: ['sleep', '9'], Env: ['A=1'], Tty: true }, '?name=box');
  const before = (await ask(fixture, 'GET', '/containers/box/json')).body as Record<string, Record<string, unknown>>;
  assert.equal(before['Name'], '/box');
  assert.equal(before['State']?.['Status'], 'created');
  assert.equal(before['State']?.['StartedAt'], '0001-01-01T00:00:00Z');
  assert.equal(before['Path'], 'sleep');
  assert.deepEqual(before['Args'], ['9']);
  assert.equal(before['HostConfig']?.['Runtime'], 'crun');
  assert.equal(before['HostConfig']?.['NetworkMode'], 'bridge');
  assert.equal(before['HostConfig']?.['ShmSize'], 67_108_864);
  assert.deepEqual(before['HostConfig']?.['RestartPolicy'], { Name: 'no', MaximumRetryCount: 0 });
  assert.equal(before['GraphDriver']?.['Name'], 'overlay2');
  await fixture.engine.start(id);
  const running = (await ask(fixture, 'GET', `/containers/${id.slice(0, 12)}/json`)).body as Record<string, Record<string, unknown>>;
  assert.equal(running['State']?.['Running'], true);
  assert.equal(running['State']?.['Pid'], 4242);
  assert.equal(running['NetworkSettings']?.['IPAddress'], '10.88.0.2');
  const networks = running['NetworkSettings']?.['Networks'] as Record<string, Record<string, unknown>>;
  assert.equal(networks['bridge']?.['Gateway'], '10.88.0.1');
  const list = (await ask(fixture, 'GET', '/networks')).body as Array<{
    Name: string;
    Id: string;
    IPAM: unknown;
  }>;
  assert.equal(networks['bridge']?.['NetworkID'], list[0]?.Id);
  assert.deepEqual(list[0]?.IPAM, {
    Driver: 'default',
    Options: null,
    Config: [{ Subnet: '10.88.0.0/16', Gateway: '10.88.0.1' }],
  });
  await fixture.engine.kill(id, 'SIGKILL');
  const ended = (await ask(fixture, 'GET', `/containers/${id}/json`)).body as Record<string, Record<string, unknown>>;
  assert.deepEqual([ended['State']?.['Status'], ended['State']?.['ExitCode'], ended['State']?.['Pid']], ['exited', 137, 0]);
});

test('ps', async (t) => {
  const fixture = await startApi(t);
  const first = await create(fixture, { Image: 'bb:1', Cmd: ['sleep', 'a b'], Labels: { app: 'x' } }, '?name=first');
  await create(fixture, { Image: 'bb:1' }, '?name=second');
  await fixture.engine.start(first);
  type Line = Record<string, unknown>;
  const running = (await ask(fixture, 'GET', '/containers/json')).body as Line[];
  assert.equal(running.length, 1);
  assert.deepEqual(
    [
      running[0]?.['Names'],
      running[0]?.['Image'],
      running[0]?.['Command'],
      running[0]?.['State'],
      running[0]?.['Status'],
      running[0]?.['Ports'],
      running[0]?.['Mounts'],
    ],
    [['/first'], 'bb:1', "sleep 'a b'", 'running', 'Up Less than a second', [], []],
  );
  await fixture.engine.pause('first');
  assert.match(String(((await ask(fixture, 'GET', '/containers/json')).body as Line[])[0]?.['Status']), /\(Paused\)$/);
  assert.equal(((await ask(fixture, 'GET', '/containers/json?all=1')).body as Line[]).length, 2);
  assert.equal(((await ask(fixture, 'GET', '/containers/json?limit=1')).body as Line[])[0]?.['Names']?.toString(), '/second');
  const filters = encodeURIComponent('{"label":{"app=x":true}}');
  assert.equal(((await ask(fixture, 'GET', `/containers/json?all=true&filters=${filters}`)).body as Line[]).length, 1);
  assert.equal((await ask(fixture, 'GET', '/containers/json?filters=x')).status, 400);
  assert.equal((await ask(fixture, 'GET', '/containers/json?limit=x')).status, 400);
});

test('what acts on a container', async (t) => {
  const fixture = await startApi(t);
  const id = await create(fixture, { Image: 'bb:1', Cmd: ['sleep'] }, '?name=box');
  const steps: Array<[Method, string, number]> = [
    ['POST', '/containers/box/kill', 409],
    ['POST', '/containers/box/pause', 409],
    ['POST', '/containers/box/start', 204],
    ['POST', '/containers/box/start', 304],
    ['POST', '/containers/box/kill?signal=FOO', 400],
    ['POST', '/containers/box/resize?h=24&w=80', 200],
    ['POST', '/containers/box/resize?h=a&w=80', 400],
    ['POST', '/containers/box/resize?h=70000&w=80', 400],
    ['POST', '/containers/box/pause', 204],
    ['POST', '/containers/box/unpause', 204],
    ['POST', '/containers/box/rename?name=new', 204],
    ['POST', '/containers/new/rename', 400],
    ['POST', '/containers/new/rename?name=-', 400],
    ['DELETE', '/containers/new', 409],
    ['POST', '/containers/new/restart?t=1', 204],
    ['POST', '/containers/new/stop?t=x', 400],
    ['POST', '/containers/new/stop?t=2&signal=INT', 204],
    ['POST', '/containers/new/stop', 304],
    ['DELETE', '/containers/new?link=1', 409],
    ['DELETE', '/containers/new?force=true&v=1', 204],
    ['DELETE', '/containers/new', 404],
    ['POST', '/containers/new/start', 404],
  ];
  for (const [method, url, status] of steps) assert.equal((await ask(fixture, method, url)).status, status, url);
  assert.ok(fixture.engine.calls.includes('resize 24x80'));
  assert.ok(fixture.engine.calls.includes('stop {"signal":"INT","timeout":2}'));
  assert.equal((await ask(fixture, 'POST', `/containers/${id}/start`, { Image: 'x' })).status, 400);
});

test('wait, logs and events', async (t) => {
  const fixture = await startApi(t);
  const id = await create(fixture, { Image: 'bb:1', Cmd: ['both'] }, '?name=box');
  const waited = ask(fixture, 'POST', '/containers/box/wait?condition=next-exit');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await fixture.engine.start(id);
  assert.deepEqual((await waited).body, { StatusCode: 0 });
  assert.equal((await ask(fixture, 'POST', '/containers/box/wait?condition=sometime')).message, 'invalid condition: "sometime"');
  assert.equal((await ask(fixture, 'GET', '/containers/box/logs')).message, 'Bad parameters: you must choose at least one stream');
  assert.equal((await ask(fixture, 'GET', '/containers/nope/logs?stdout=1')).status, 404);
  const logs = await fixture.api.inject('/containers/box/logs?stdout=1&stderr=1&tail=1&timestamps=1&since=5.5');
  assert.equal(logs.headers['content-type'], 'application/vnd.docker.multiplexed-stream');
  assert.equal(logs.rawPayload[0], 2);
  assert.match(logs.rawPayload.subarray(8).toString(), /^\d{4}-\d\d-\d\dT[\d:.]+Z err\n$/);
  assert.ok(fixture.engine.calls.includes('logs {"stdout":true,"stderr":true,"follow":false,"tail":1,"since":5.5}'));
  const events = await fixture.api.inject('/events?since=1&until=2');
  const lines = events.payload.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).Action),
    ['create', 'start', 'die'],
  );
  const line = JSON.parse(lines[0] ?? '');
  assert.deepEqual(
    [line.status, line.id, line.from, line.Type, line.scope, line.Actor.ID],
    ['create', id, 'bb:1', 'container', 'local', id],
  );
  assert.match(lines[0] ?? '', /"timeNano":\d{16}000123\}$|"timeNano":\d+123\}$/);
  assert.equal((await ask(fixture, 'GET', '/events?since=5&until=2')).status, 400);
});

test('images', async (t) => {
  const fixture = await startApi(t);
  const big = Buffer.alloc(20 << 20, 1);
  const loaded = await fixture.api.inject({
    method: 'POST',
    url: '/images/load?quiet=1',
    payload: big,
    headers: { 'content-type': 'application/x-tar' },
  });
  assert.equal(loaded.statusCode, 200);
  assert.deepEqual(JSON.parse(loaded.payload), { stream: 'Loaded image: loaded:1\n' });
  assert.equal(fixture.images.received, big.length);
  const imported = await fixture.api.inject({
    method: 'POST',
    url: '/images/create?fromSrc=-&repo=r.example/a/b&tag=7&changes=CMD%20a&changes=ENV%20b',
    payload: big,
    headers: { 'content-type': 'text/plain' },
  });
  assert.match(imported.payload, /^\{"status":"sha256:[0-9a-f]{64}"\}\r\n$/);
  assert.equal((await ask(fixture, 'GET', '/images/r.example/a/b:7/json')).status, 200);
  assert.equal(((await ask(fixture, 'GET', '/images/registry.example:5000/team/app:2/history')).body as unknown[]).length, 1);
  assert.equal((await ask(fixture, 'POST', '/images/bb:1/tag?repo=x/y&tag=2')).status, 201);
  assert.equal((await ask(fixture, 'POST', '/images/bb:1/tag')).status, 400);
  assert.equal((await fixture.api.inject('/images/get?names=bb:1&names=x/y:2')).rawPayload.length, (1 << 20) + 17);
  assert.equal((await fixture.api.inject('/images/x/y:2/get')).headers['content-type'], 'application/x-tar');
  assert.equal((await ask(fixture, 'GET', '/images/get?names=nope')).message, 'No such image: nope:latest');
  const line = ((await ask(fixture, 'GET', '/images/json')).body as Array<Record<string, unknown>>)[0];
  assert.equal('VirtualSize' in (line ?? {}), false);
  assert.equal(((await ask(fixture, 'GET', '/v1.43/images/json')).body as Array<Record<string, unknown>>)[0]?.['VirtualSize'], 12_345);
  const id = await create(fixture, { Image: 'bb:1', Cmd: ['sleep'] });
  assert.equal((await ask(fixture, 'DELETE', '/images/bb:1')).status, 409);
  await fixture.engine.remove(id, { force: true });
  assert.equal((await ask(fixture, 'DELETE', '/images/x/y:2')).status, 200);
  assert.equal((await ask(fixture, 'DELETE', '/images/x/y:2')).status, 404);
  const filters = encodeURIComponent('{"dangling":["false"]}');
  assert.equal(
    (
      (await ask(fixture, 'POST', `/images/prune?filters=${filters}`)).body as {
        ImagesDeleted: unknown[];
      }
    ).ImagesDeleted.length,
    6,
  );
});

test('a broken archive is told in the stream, as from Docker', async (t) => {
  const { api } = await startApi(t);
  const answer = await api.inject({
    method: 'POST',
    url: '/images/load',
    payload: 'short',
    headers: { 'content-type': 'application/x-tar' },
  });
  const last = JSON.parse(answer.payload.trim().split('\r\n').at(-1) ?? '');
  assert.deepEqual([answer.statusCode, last], [200, { errorDetail: { message: 'invalid tar header' }, error: 'invalid tar header' }]);
});

test('exec', async (t) => {
  const fixture = await startApi(t);
  const id = await create(fixture, { Image: 'bb:1', Cmd: ['sleep'] });
  assert.equal((await ask(fixture, 'POST', `/containers/${id}/exec`, { Cmd: ['echo'] })).status, 409);
  await fixture.engine.start(id);
  assert.equal((await ask(fixture, 'POST', `/containers/${id}/exec`, {})).message, 'no exec command specified');
  assert.equal((await ask(fixture, 'POST', `/containers/${id}/exec`, { Cmd: ['a'], DetachKeys: 'ctrl-9' })).status, 400);
  const created = await ask(fixture, 'POST', `/containers/${id}/exec`, {
    Cmd: ['echo', 'hi'],
    AttachStdout: true,
    Env: null,
  });
  const exec = (created.body as { Id: string }).Id;
  assert.equal((await ask(fixture, 'POST', `/exec/${exec}/resize?h=1&w=2`)).status, 200);
  const output = await fixture.api.inject({
    method: 'POST',
    url: `/exec/${exec}/start`,
    payload: { Detach: false },
  });
  assert.deepEqual([...output.rawPayload], [1, 0, 0, 0, 0, 0, 0, 3, ...Buffer.from('hi\n')]);
  const inspected = (await ask(fixture, 'GET', `/exec/${exec}/json`)).body as Record<string, unknown>;
  assert.deepEqual([inspected['ID'], inspected['Running'], inspected['ExitCode'], inspected['ContainerID']], [exec, false, 0, id]);
  assert.equal((await ask(fixture, 'POST', '/exec/nope/start', {})).message, 'No such exec instance: nope');
});

test('prune takes what is stopped, old enough and unlabelled', async (t) => {
  const fixture = await startApi(t);
  const keep = await create(fixture, { Image: 'bb:1', Labels: { keep: '' } });
  const running = await create(fixture, { Image: 'bb:1', Cmd: ['sleep'] });
  const gone = await create(fixture, { Image: 'bb:1' });
  await fixture.engine.start(running);
  const prune = (filters: object): Promise<{ body: unknown }> =>
    ask(fixture, 'POST', `/containers/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`);
  assert.deepEqual((await prune({ until: ['1h'] })).body, {
    ContainersDeleted: null,
    SpaceReclaimed: 0,
  });
  assert.deepEqual((await prune({ 'label!': ['keep'] })).body, {
    ContainersDeleted: [gone],
    SpaceReclaimed: 5,
  });
  assert.deepEqual([...fixture.engine.containers.keys()], [keep, running]);
});

test("Abode's own", async (t) => {
  const fixture = await startApi(t);
  const id = await create(fixture, { Image: 'bb:1' });
  assert.deepEqual((await ask(fixture, 'GET', `/abode/containers/${id}/memory`)).body, {
    own: 1,
    template: 2,
    pool: 3,
  });
  assert.equal(((await ask(fixture, 'GET', '/abode/facts')).body as { accelerator: string }).accelerator, 'tcg');
  assert.equal((await ask(fixture, 'POST', '/abode/vms', { name: '-' })).status, 400);
  assert.equal((await ask(fixture, 'POST', '/abode/vms', { name: 'a', cpus: 'two' })).status, 400);
  assert.equal((await ask(fixture, 'POST', '/abode/vms', { name: 'a', cpus: 2 })).status, 201);
  assert.equal(((await ask(fixture, 'GET', '/abode/vms')).body as unknown[]).length, 1);
  assert.equal(((await ask(fixture, 'GET', '/abode/vms/a')).body as { cpus: number }).cpus, 2);
  assert.equal((await ask(fixture, 'DELETE', '/abode/vms/a')).status, 204);
  assert.equal((await ask(fixture, 'GET', '/abode/vms/a')).status, 404);
});

test("an engine's unexpected error is ours, and does not end the daemon", async (t: TestContext) => {
  const fixture = await startApi(t);
  fixture.engine.facts = () => Promise.reject(new TypeError('broken'));
  assert.deepEqual(await ask(fixture, 'GET', '/abode/facts'), {
    status: 500,
    body: { message: 'broken' },
    message: 'broken',
  });
  assert.equal((await ask(fixture, 'GET', '/containers/json')).status, 200);
});
