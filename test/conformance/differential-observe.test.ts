/**
 * The same requests, raw, to the dockerd of this machine and to Abode, in every isolation: what looks into containers. Status and body are
 * compared; where they may differ, the case says so and why.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { ISOLATIONS, type Isolation } from '../fixtures/isolations.ts';
import { ReferenceDocker } from '../fixtures/reference-docker.ts';
import { cannotRun, DOCKER, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const IMAGE = `abode-observe:${String(process.pid)}`;
const NAME = `abode-observe-${String(process.pid)}`;
const REFERENCE = '/var/run/docker.sock';
const TEST_MS = 300_000;
const SCRIPT =
  'mkdir -p /d/sub; echo hi > /d/f; chmod 4755 /d/f; ln -s f /d/rel; ln -s ../../../etc/passwd /d/up; ln -s /no/where /d/dangling; ln -s sub /d/dirlink; rm /etc/nsswitch.conf; echo more >> /etc/group; echo out; echo err >&2; exec sleep 1000';

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly stat: string;
}

interface Case {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** N stands for the container's name. */
  readonly path: string;
  readonly body?: string | Buffer;
  /** What of an answer is compared; default: status and body. */
  readonly of?: (answer: Answer) => unknown;
  /** Where Abode is to differ, and why. */
  readonly differs?: { readonly status: number; readonly reason: string };
}

const get = (path: string, of?: Case['of']): Case => ({ method: 'GET', path, ...(of && { of }) });
const post = (path: string, body?: string): Case => ({ method: 'POST', path, ...(body !== undefined && { body }) });
const filters = (value: object): string => encodeURIComponent(JSON.stringify(value));

/** A JSON value with every number, string and name of a cgroup's field replaced by its kind. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return [];
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([key, entry]) => [key, shape(entry)]),
  );
}

/** Cgroups of version 2, which a VM has, tell less, and Docker then says less too; a VM tells its own costs apart. */
function statsShape({ status, body }: Answer): unknown {
  const stats = JSON.parse(body) as Record<string, Record<string, unknown>>;
  for (const [part, keys] of Object.entries({ memory_stats: ['max_usage', 'stats', 'failcnt'], pids_stats: ['limit'] }))
    for (const key of keys) if (stats[part] !== undefined) delete stats[part][key];
  for (const part of ['cpu_stats', 'precpu_stats'])
    delete (stats[part]?.['cpu_usage'] as Record<string, unknown> | undefined)?.['percpu_usage'];
  delete stats['blkio_stats'];
  delete stats['vm'];
  return { status, shape: shape(stats) };
}

const pathFacts = ({ status, stat }: Answer): unknown => {
  if (stat === '') return { status };
  const { name, mode, linkTarget } = JSON.parse(Buffer.from(stat, 'base64').toString()) as Record<string, unknown>;
  return { status, name, mode, linkTarget };
};

/** Names and kinds of a tar's members. */
function members(archive: string): string[] {
  const bytes = Buffer.from(archive, 'latin1');
  const found: string[] = [];
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0;) {
    const name = bytes.toString('utf8', at, at + 100).replace(/\0.*$/s, '');
    const link = bytes.toString('utf8', at + 157, at + 257).replace(/\0.*$/s, '');
    found.push(`${String.fromCharCode(bytes[at + 156] ?? 0)} ${name} ${link}`);
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found.toSorted();
}

const archiveOf = (answer: Answer): unknown => ({
  facts: pathFacts(answer),
  members: answer.status === 200 ? members(answer.body) : answer.body,
});
const rows = ({ status, body }: Answer): unknown => {
  const list = JSON.parse(body) as { Titles?: string[]; Processes?: string[][] };
  // Pids and times are each engine's own.
  return { status, titles: list.Titles, commands: list.Processes?.map((row) => row.at(-1)).toSorted() ?? body };
};
const names = ({ status, body }: Answer): unknown => {
  const list = JSON.parse(body) as Array<{ Names: string[] }>;
  return { status, names: Array.isArray(list) ? list.flatMap(({ Names }) => Names).filter((name) => name.includes(NAME)) : list };
};
const changes = ({ status, body }: Answer): unknown => ({
  status,
  changes: (JSON.parse(body) as Array<{ Path: string; Kind: number }>).map(({ Path, Kind }) => `${String(Kind)} ${Path}`).toSorted(),
});
const statusOnly = ({ status }: Answer): unknown => ({ status });

/** One file `x`, made by hand. */
function tar(name: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(content.length.toString(8).padStart(11, '0'), 124);
  header.write('00000000000\0', 136);
  header.write('        0', 148);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, Buffer.from(content.padEnd(512, '\0')), Buffer.alloc(1024)]);
}

const CASES: Readonly<Record<string, readonly Case[]>> = {
  top: [
    get('/containers/N/top', rows),
    get('/containers/N/top?ps_args=aux', rows),
    get('/containers/N/top?ps_args=-o+pid,comm', rows),
    get('/containers/N/top?ps_args=-o+pid,ppid,nlwp,ni,stat,args', rows),
    get('/containers/N/top?ps_args=-eo+pid,uid,gid,args', rows),
    {
      ...get('/containers/N/top?ps_args=-o+comm'),
      differs: { status: 400, reason: 'what was asked for cannot be: no fault of the engine' },
    },
    {
      ...get('/containers/N/top?ps_args=-o+x%3DPID'),
      differs: { status: 400, reason: 'what was asked for cannot be: no fault of the engine' },
    },
    get('/containers/nosuch/top'),
  ],
  stats: [
    get('/containers/N/stats?stream=false', statsShape),
    get('/v1.41/containers/N/stats?stream=false&one-shot=true', statsShape),
    get('/v1.41/containers/N/stats?one-shot=true'),
    get('/containers/nosuch/stats'),
  ],
  'facts of a path': [
    '/',
    '/d',
    '/d/',
    '/d/.',
    '/d/f',
    '/d/rel',
    '/d/up',
    '/d/dangling',
    '/d/dirlink',
    '/d/dirlink/',
    '/nosuch',

    'd',
    '',
    '//d//f',
    '/d/../d/f',
  ].map((path): Case => ({ method: 'HEAD', path: `/containers/N/archive?path=${encodeURIComponent(path)}`, of: pathFacts })),
  'a path beneath a file': ['/d/f/', '/d/f/x'].map((path): Case => ({
    method: 'HEAD',
    path: `/containers/N/archive?path=${path}`,
    of: statusOnly,
    differs: { status: 404, reason: 'it is not there' },
  })),
  archives: [
    ...['/d', '/d/', '/d/.', '/d/f', '/d/rel', '/d/dirlink', '/d/dirlink/', '/d/dirlink/.'].map((path) =>
      get(`/containers/N/archive?path=${path}`, archiveOf),
    ),
    get('/containers/N/archive?path=/nosuch'),
    get('/containers/N/archive'),
    get('/containers/nosuch/archive?path=/'),
  ],
  'what is put': [
    { method: 'PUT', path: '/containers/N/archive?path=/d', body: tar('x', 'content') },
    get('/containers/N/archive?path=/d/x', archiveOf),
    { method: 'PUT', path: '/containers/N/archive?path=/d', body: '' },
    { method: 'PUT', path: '/containers/N/archive?path=/nosuch', body: tar('x', 'y') },
    { method: 'PUT', path: '/containers/N/archive', body: tar('x', 'y') },
    { method: 'PUT', path: '/containers/nosuch/archive?path=/', body: tar('x', 'y') },
    {
      method: 'PUT',
      path: '/containers/N/archive?path=/d',
      body: 'no archive',
      differs: { status: 400, reason: 'an archive that is none is the request’s fault, to newer engines too' },
    },
    {
      method: 'PUT',
      path: '/containers/N/archive?path=/d&noOverwriteDirNonDir=1',
      body: tar('sub', 'a file in the place of a directory'),
      differs: { status: 400, reason: 'what is there was not to be replaced: no fault of the engine' },
    },
    {
      method: 'PUT',
      path: '/containers/N/archive?path=/d/f',
      body: tar('x', 'y'),
      of: statusOnly,
      differs: {
        status: 400,
        reason: 'the path is there and is no directory: Docker 20.10 says that it is not there, newer ones as Abode',
      },
    },
  ],
  changes: [get('/containers/N/changes', changes), get('/containers/nosuch/changes')],
  export: [get('/containers/nosuch/export')],
  rename: [
    post('/containers/N/rename'),
    post('/containers/N/rename?name='),
    post('/containers/N/rename?name=a'),
    post('/containers/N/rename?name=%2F'),
    post('/containers/N/rename?name=bad%20name'),
    post('/containers/N/rename?name=N'),
    post('/containers/nosuch/rename?name=other'),
    post('/containers/N/rename?name=N-renamed'),
    get(`/containers/json?filters=${filters({ name: [NAME] })}`, names),
    post('/containers/N-renamed/rename?name=N'),
  ],
  update: [
    post('/containers/N/update', '{}'),
    post('/containers/N/update', '{"Memory":1000}'),
    post('/containers/N/update', '{"Memory":100000000}'),
    post('/containers/N/update', '{"Memory":100000000,"MemorySwap":50000000}'),
    post('/containers/N/update', '{"Memory":100000000,"MemorySwap":200000000}'),
    post('/containers/N/update', '{"Memory":300000000}'),
    post('/containers/N/update', '{"NanoCpus":500000000}'),
    post('/containers/N/update', '{"CpuQuota":50000}'),
    post('/containers/N/update', '{"CpuPeriod":50000}'),
    post('/containers/N/update', '{"PidsLimit":50}'),
    post('/containers/N/update', '{"CpusetCpus":"4095"}'),
    post('/containers/N/update', '{"RestartPolicy":{"Name":"always"}}'),
    post('/containers/N/update', '{"RestartPolicy":{"Name":"no"}}'),
    post('/containers/nosuch/update', '{}'),
    get('/containers/N/json', ({ body }) => {
      const { HostConfig: host } = JSON.parse(body) as { HostConfig: Record<string, unknown> };
      return ['Memory', 'MemorySwap', 'NanoCpus', 'PidsLimit', 'RestartPolicy'].map((field) => host[field]);
    }),
  ],
  'filters of the list': [
    ...[
      { name: [NAME] },
      { name: [`^/${NAME}$`] },
      { name: ['nosuch'] },
      { status: ['running'], name: [NAME] },
      { status: ['exited'], name: [NAME] },
      { label: ['colour'], name: [NAME] },
      { label: ['colour=blue'], name: [NAME] },
      { label: ['colour=red'], name: [NAME] },
      { ancestor: [IMAGE] },
      { network: ['bridge'], name: [NAME] },
      { network: ['nosuch'], name: [NAME] },
      { exited: ['0'], name: [NAME] },
      { 'is-task': ['false'], name: [NAME] },
      { health: ['none'], name: [NAME] },
      { publish: ['80'], name: [NAME] },
      { expose: ['80/tcp'], name: [NAME] },
      { volume: ['nosuch'], name: [NAME] },
    ].map((value) => get(`/containers/json?all=1&filters=${filters(value)}`, names)),
    get(`/containers/json?filters=${filters({ nosuch: ['x'] })}`),
    { ...get(`/containers/json?filters=${filters({ before: ['nosuchcontainer'] })}`), differs: { status: 404, reason: 'it is not there' } },
    get(`/containers/json?limit=1&filters=${filters({ name: [NAME] })}`, names),
    { ...get('/containers/json?limit=x', statusOnly), differs: { status: 400, reason: 'no fault of the engine' } },
    { ...get('/containers/json?filters=nonsense', statusOnly), differs: { status: 400, reason: 'no fault of the engine' } },
  ],
  logs: [
    get('/containers/N/logs?stdout=1'),
    get('/containers/N/logs?stderr=1'),
    get('/containers/N/logs?stdout=1&stderr=1&tail=1', ({ status, body }) => ({ status, length: body.length })),
    get('/containers/N/logs?stdout=1&tail=nonsense'),
    get('/containers/N/logs?stdout=1&details=1'),
    get('/containers/N/logs?stdout=1&timestamps=1&details=1', ({ status, body }) => ({
      status,
      body: body.slice(8).replace(/^[\d-]+T[\d:]+\.\d{9}Z/, 'TIME'),
    })),
    get('/containers/N/logs?stdout=1&until=1'),
    get('/containers/N/logs?stdout=1&since=99999999999'),
    get('/containers/N/logs'),
    get('/containers/nosuch/logs?stdout=1'),
  ],
  events: [
    get('/events?since=2&until=1', statusOnly),
    {
      ...get(`/events?since=0&until=1&filters=${filters({ nosuch: ['x'] })}`),
      differs: { status: 400, reason: 'a filter that means nothing is not left out silently' },
    },
    get('/events?since=1&until=2'),
    { ...get('/events?since=x&until=1', statusOnly), differs: { status: 400, reason: 'no fault of the engine' } },
  ],
};

const reference = new ReferenceDocker(DOCKER);
const skip = cannotRun === false ? await ReferenceDocker.missing() : cannotRun;
let daemon: RobustDaemon | undefined;
const expected = new Map<string, unknown[]>();

if (skip === false) {
  before(async () => {
    daemon = await RobustDaemon.start();
    await daemon.docker('tag', 'abode/base', IMAGE);
    await reference.take(daemon, IMAGE);
  });
  after(async () => {
    await reference.run(['rm', '-f', NAME]);
    await reference.run(['rmi', '-f', IMAGE]);
    await daemon?.[Symbol.asyncDispose]();
  });
}

for (const [name, cases] of Object.entries(CASES)) {
  for (const isolation of ISOLATIONS) {
    test(`${isolation.name} answers as dockerd does: ${name}`, { skip, timeout: TEST_MS }, async () => {
      assert.ok(daemon);
      if (!expected.has(name)) expected.set(name, await play(REFERENCE, cases, undefined));
      const seen = await play(daemon.socket, cases, isolation);
      const wanted = expected.get(name) ?? [];
      const wrong = cases.flatMap(({ method, path, differs }, index) => {
        const [found, asked] = [seen[index], wanted[index]];
        const same = isDeepStrictEqual(found, asked);
        const status = (found as { status: number }).status;
        if (differs === undefined ? same : !same && status === differs.status) return [];
        return [{ request: `${method} ${path}`, found, dockerd: asked, reason: differs?.reason }];
      });
      assert.deepEqual(wrong, []);
    });
  }
}

async function play(socket: string, cases: readonly Case[], isolation: Isolation | undefined): Promise<unknown[]> {
  const body = {
    Image: IMAGE,
    Cmd: ['sh', '-c', SCRIPT],
    Labels: { colour: 'blue' },
    HostConfig: { ...(isolation !== undefined && isolation.options.length > 0 && { Runtime: isolation.options[1] }) },
  };
  await ask(socket, { method: 'DELETE', path: '/containers/N?force=1' });
  const created = await ask(socket, { method: 'POST', path: '/containers/create?name=N', body: JSON.stringify(body) });
  assert.equal(created.status, 201, created.body);
  const { Id: id } = JSON.parse(created.body) as { Id: string };
  assert.equal((await ask(socket, { method: 'POST', path: '/containers/N/start' })).status, 204);
  await until('it is ready', 120_000, async () =>
    (await ask(socket, { method: 'GET', path: '/containers/N/logs?stderr=1' })).body.includes('err'),
  );
  const answers: unknown[] = [];
  for (const one of cases) {
    const answer = await ask(socket, one);
    const read = one.of ?? (({ status, body: text }: Answer): unknown => ({ status, body: text }));
    answers.push(JSON.parse(normalise(JSON.stringify(read(answer)), id)));
  }
  await ask(socket, { method: 'DELETE', path: '/containers/N?force=1' });
  return answers;
}

/** Ids, and what newer versions of Docker word differently. */
function normalise(text: string, id: string): string {
  return text
    .replaceAll(id, 'ID')
    .replaceAll(/[0-9a-f]{64}/g, 'ID')
    .replaceAll('\\\\n"', '"')
    .replaceAll('\\n"', '"')
    .replaceAll('Invalid filter', 'invalid filter')
    .replaceAll("invalid filter 'nosuch'", 'invalid filter');
}

function ask(socketPath: string, { method, path, body }: Case): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = path.replaceAll(/\bN\b/g, NAME);
    const json = typeof body === 'string' && body.startsWith('{');
    const headers = { ...(body !== undefined && { 'Content-Type': json ? 'application/json' : 'application/x-tar' }) };
    const asked = request(
      { socketPath, method, path: url.startsWith('/v1') ? url : `/v1.41${url}`, headers, timeout: 60_000 },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject).on('end', () => {
          const stat = answer.headers['x-docker-container-path-stat'];
          resolve({
            status: answer.statusCode ?? 0,
            body: Buffer.concat(chunks).toString('latin1'),
            stat: typeof stat === 'string' ? stat : '',
          });
        });
      },
    );
    asked.on('error', reject).on('timeout', () => asked.destroy(new Error(`${method} ${path} was not answered`)));
    asked.end(body);
  });
}
