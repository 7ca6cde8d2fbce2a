import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import type { ImageConfig, ImageRecord } from '../images/api.ts';
import type { CreateRequest } from './api.ts';
import { composeRecord, mergeEnvironment } from './compose-record.ts';
import type { ContainerConfig, ContainerRecord, HostConfig } from './record.ts';

const ID = '0123456789abcdef'.repeat(4);
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function image(config: ImageConfig): ImageRecord {
  return {
    id: 'sha256:1',
    references: ['base:latest'],
    digests: [],
    config,
    created: '2026-01-01T00:00:00Z',
    author: '',
    comment: '',
    architecture: 'amd64',
    variant: '',
    os: 'linux',
    diffIds: [],
    chainIds: [],
    history: [],
    size: 0,
    layerSizes: [],
  };
}

function compose(config: Partial<ContainerConfig>, from: ImageConfig = {}, host: HostConfig = {}): ContainerRecord {
  const request: CreateRequest = { config: { Image: 'base', ...config }, host };
  return composeRecord(request, image(from), ID, 'name', '2026-01-02T03:04:05.000Z');
}

type Words = readonly string[] | null | undefined;

test("what runs is put together from request and image by Docker's rules", () => {
  const cases: ReadonlyArray<
    readonly [request: { Entrypoint?: Words; Cmd?: Words }, from: { Entrypoint?: Words; Cmd?: Words }, command: readonly string[]]
  > = [
    [{}, { Cmd: ['sh'] }, ['sh']],
    [{}, { Entrypoint: ['/e'], Cmd: ['a'] }, ['/e', 'a']],
    [{ Cmd: ['b'] }, { Entrypoint: ['/e'], Cmd: ['a'] }, ['/e', 'b']],
    [{ Cmd: [] }, { Entrypoint: ['/e'], Cmd: ['a'] }, ['/e', 'a']],
    // An entrypoint of the request voids the image's command.
    [{ Entrypoint: ['/x'] }, { Entrypoint: ['/e'], Cmd: ['a'] }, ['/x']],
    [{ Entrypoint: ['/x'], Cmd: ['b', 'c'] }, { Entrypoint: ['/e'], Cmd: ['a'] }, ['/x', 'b', 'c']],
    // [''] takes the image's entrypoint and command away, [] only the entrypoint, null nothing.
    [{ Entrypoint: [''], Cmd: ['b'] }, { Entrypoint: ['/e'], Cmd: ['a'] }, ['b']],
    [{ Entrypoint: [] }, { Entrypoint: ['/e'], Cmd: ['a'] }, ['a']],
    [{ Entrypoint: [], Cmd: ['b'] }, { Entrypoint: ['/e'], Cmd: ['a'] }, ['b']],
    [{ Entrypoint: null, Cmd: null }, { Entrypoint: ['/e'], Cmd: ['a'] }, ['/e', 'a']],
    [{ Cmd: [''] }, {}, ['']],
  ];
  for (const [request, from, command] of cases) {
    const given = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
    const stored = Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined));
    assert.deepEqual(compose(given, stored).command, command, JSON.stringify([request, from]));
  }
});

test('with nothing to run there is no container', () => {
  assert.throws(() => compose({}, {}), { code: 'invalid', message: 'no command specified' });
  assert.throws(() => compose({ Entrypoint: [''] }, { Entrypoint: ['/e'], Cmd: ['a'] }), { message: 'no command specified' });
});

test('the record shows entrypoint and command apart, as Docker shows them', () => {
  const { config } = compose({ Cmd: ['b'] }, { Entrypoint: ['/e'] });
  assert.deepEqual([config.Entrypoint, config.Cmd], [['/e'], ['b']]);
  assert.deepEqual(compose({ Cmd: ['b'] }).config.Entrypoint, null);
});

test("the environment is the request's, then what it does not set of the image's", () => {
  const PATH = 'PATH=/bin';
  const cases: ReadonlyArray<readonly [own: string[], from: string[], merged: string[]]> = [
    [[], [PATH, 'A=1'], [PATH, 'A=1']],
    [
      ['A=2', 'B='],
      [PATH, 'A=1', 'C=3'],
      ['A=2', 'B=', PATH, 'C=3'],
    ],
    [['PATH=/x'], [PATH], ['PATH=/x']],
    // A name alone takes the variable away.
    [['A'], [PATH, 'A=1'], [PATH]],
    [['PATH'], [PATH, 'A=1'], ['A=1']],
    [['A=x=y'], [PATH, 'A=1'], ['A=x=y', PATH]],
    [['a=1'], [PATH, 'A=1'], ['a=1', PATH, 'A=1']],
    [['AB=1'], [PATH, 'A=1'], ['AB=1', PATH, 'A=1']],
    [[], ['A=1'], ['A=1', DEFAULT_PATH]],
    [[], ['PATHS=1'], ['PATHS=1', DEFAULT_PATH]],
  ];
  for (const [own, from, merged] of cases) assert.deepEqual(mergeEnvironment(own, from), merged, JSON.stringify([own, from]));
});

test('what the request leaves empty is the image’s', () => {
  const from: ImageConfig = { Cmd: ['sh'], User: 'app', WorkingDir: '/srv', StopSignal: 'SIGINT', Labels: { a: 'image', b: 'image' } };
  for (const empty of [{}, { User: '', WorkingDir: '', StopSignal: '', Labels: null, Env: null }]) {
    const { config } = compose(empty, from);
    assert.deepEqual([config.User, config.WorkingDir, config.StopSignal, config.Labels], ['app', '/srv', 'SIGINT', from.Labels]);
  }
  const own = compose({ User: '1:1', WorkingDir: '/', StopSignal: 'SIGQUIT', Labels: { b: 'own', c: 'own' } }, from).config;
  assert.deepEqual([own.User, own.WorkingDir, own.StopSignal, own.Labels], ['1:1', '/', 'SIGQUIT', { a: 'image', b: 'own', c: 'own' }]);
});

test('without any stop signal there is none, so that the default applies', () => {
  assert.equal(compose({ Cmd: ['x'], StopSignal: '' }).config.StopSignal ?? 'none', 'none');
});

test('the host name is the beginning of the id, unless one was asked for', () => {
  assert.equal(compose({ Cmd: ['x'] }).config.Hostname, ID.slice(0, 12));
  assert.equal(compose({ Cmd: ['x'], Hostname: '' }).config.Hostname, ID.slice(0, 12));
  assert.equal(compose({ Cmd: ['x'], Hostname: 'mine' }).config.Hostname, 'mine');
});

test('what cannot be is refused before anything is made', () => {
  assert.throws(() => compose({ Cmd: ['x'] }, {}, { CapAdd: ['NO_SUCH'] }), { code: 'invalid', message: /unknown capability/ });
  assert.throws(() => compose({ Cmd: ['x'] }, {}, { Runtime: 'nope' }), {
    code: 'invalid',
    message: /unknown or invalid runtime name: nope/,
  });
});

test('a new record has not run', () => {
  const record = compose({ Cmd: ['x'] }, {}, { Runtime: 'vm' });
  assert.deepEqual(
    [record.id, record.name, record.imageId, record.imageReference, record.isolation, record.state, record.restartCount, record.removing],
    [ID, 'name', 'sha256:1', 'base', { kind: 'vm', boot: 'template' }, { status: 'created' }, 0, false],
  );
});

test("the image's health check, stop timeout and shell are taken where the request has none", () => {
  const from: ImageConfig = { Cmd: ['x'], Healthcheck: { Test: ['CMD', 'ok'], Retries: 7 }, StopTimeout: 3, Shell: ['/bin/ash', '-c'] };
  const { config } = compose({}, from);
  assert.deepEqual([config.Healthcheck, config.StopTimeout, config.Shell], [from.Healthcheck, 3, from.Shell]);
  const own = compose({ Healthcheck: { Test: ['NONE'] }, StopTimeout: 0, Shell: ['sh'] }, from).config;
  assert.deepEqual([own.Healthcheck, own.StopTimeout, own.Shell], [{ Test: ['NONE'], Retries: 7 }, 0, ['sh']]);
});

test("on the host's network or with its UTS namespace a container has the host's name; in another's network that one's", () => {
  const nameIn = (host: HostConfig): string | undefined => compose({ Cmd: ['x'] }, {}, host).config.Hostname;
  assert.equal(nameIn({}), ID.slice(0, 12));
  assert.equal(nameIn({ NetworkMode: 'host' }), hostname());
  assert.equal(nameIn({ UTSMode: 'host' }), hostname());
  assert.equal(nameIn({ NetworkMode: 'container:a' }), '');
});
