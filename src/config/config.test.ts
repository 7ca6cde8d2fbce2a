import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './config.ts';

test('without flags and environment it is the machine-wide daemon', () => {
  assert.deepEqual(loadConfig({}, {}), {
    root: '/var/lib/abode',
    runDir: '/run/abode',
    socket: '/run/abode/abode.sock',
    bridge: 'abode0',
    pool: 0,
    logLevel: 'info',
  });
});

test('a flag wins over the environment, the environment over the default', () => {
  const environment = {
    ABODE_ROOT: '/env/root',
    ABODE_RUN_DIR: '/env/run',
    ABODE_SOCKET: '/env/sock',
    ABODE_POOL: '2',
    ABODE_LOG_LEVEL: 'debug',
  };
  const fromEnvironment = loadConfig({}, environment);
  assert.deepEqual(
    { ...fromEnvironment, bridge: '' },
    {
      root: '/env/root',
      runDir: '/env/run',
      socket: '/env/sock',
      bridge: '',
      pool: 2,
      logLevel: 'debug',
    },
  );
  const flags = { root: '/f/root', runDir: '/f/run', socket: '/f/sock', pool: '3', logLevel: 'warn' };
  assert.deepEqual({ ...loadConfig(flags, environment), bridge: '' }, { ...flags, pool: 3, bridge: '' });
});

test('the socket follows the run directory', () => {
  assert.equal(loadConfig({ runDir: '/x/run' }, {}).socket, '/x/run/abode.sock');
});

test('paths are made absolute, so that it does not matter where the daemon stands', () => {
  const config = loadConfig({ root: 'r', runDir: './s' }, {});
  assert.equal(config.root, `${process.cwd()}/r`);
  assert.equal(config.socket, `${process.cwd()}/s/abode.sock`);
});

test('an empty variable of the environment is one that is not set', () => {
  assert.deepEqual(
    loadConfig({}, { ABODE_ROOT: '', ABODE_RUN_DIR: '', ABODE_SOCKET: '', ABODE_POOL: '', ABODE_LOG_LEVEL: '' }),
    loadConfig({}, {}),
  );
});

test('each root has a bridge of its own, with a name that the kernel takes', () => {
  const names = ['/a', '/b', `/${'long'.repeat(50)}`].map((root) => loadConfig({ root }, {}).bridge);
  assert.equal(new Set([...names, 'abode0']).size, 4);
  for (const name of names) assert.match(name, /^[a-z0-9-]{1,15}$/);
  assert.equal(loadConfig({ root: '/a' }, {}).bridge, names[0]);
});

test('a pool that is no number of machines is refused', () => {
  for (const pool of ['x', '-1', '1.5', 'NaN', '1e9x'])
    assert.throws(() => loadConfig({ pool }, {}), { code: 'invalid', message: /pool/ }, pool);
});
