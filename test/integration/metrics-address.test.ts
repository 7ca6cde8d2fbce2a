/** The daemon's metrics by TCP, as its flag says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { loadConfig } from '../../src/config/config.ts';
import { parseExposition } from '../../src/metrics/exposition-fixture.ts';
import { freePorts } from '../fixtures/free-port.ts';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';

test(
  '--metrics-addr with a port alone serves them on the loopback, and no longer than the daemon lives',
  { skip: cannotRun, timeout: 120_000 },
  async () => {
    const port = await freePorts();
    const url = `http://127.0.0.1:${String(port)}/metrics`;
    {
      await using daemon = await RobustDaemon.start('--metrics-addr', String(port));
      await daemon.docker('run', '-d', '--name', 'measured', 'abode/base', 'sleep', '1000');
      const families = parseExposition(await (await fetch(url)).text());
      const names = families.get('abode_container_cpu_seconds_total')?.samples.map(({ labels }) => labels['name']);
      assert.deepEqual(names, ['measured']);
      assert.equal((await fetch(`http://127.0.0.1:${String(port)}/containers/json`)).status, 404);
      await assert.rejects(fetch(`http://[::1]:${String(port)}/metrics`), 'on that address alone');
    }
    await assert.rejects(fetch(url));
  },
);

test('an address that is no address ends the daemon with what would be one', { timeout: 60_000 }, async () => {
  const main = join(import.meta.dirname, '../../src/daemon/main.ts');
  const refused = promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', main, '--metrics-addr', 'nowhere:x']);
  await assert.rejects(refused, { code: 1, stderr: /^abode: invalid --metrics-addr "nowhere:x": give ADDRESS:PORT/ });
});

test(
  'an address that is taken is told, and the daemon that could not have it leaves nothing',
  { skip: cannotRun, timeout: 120_000 },
  async () => {
    const directory = await mkdtemp('/tmp/abm-');
    const stranger = createServer().listen(0, '127.0.0.1');
    try {
      await once(stranger, 'listening');
      const address = stranger.address();
      const port = address !== null && typeof address === 'object' ? String(address.port) : '';
      const main = join(import.meta.dirname, '../../src/daemon/main.ts');
      const flags = ['--root', join(directory, 'r'), '--run-dir', join(directory, 's'), '--metrics-addr', port];
      const refused = promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...flags], { timeout: 60_000 });
      await assert.rejects(refused, { code: 1, stderr: new RegExp(`metrics cannot be served at 127\\.0\\.0\\.1:${port}`) });
      const { bridge } = loadConfig({ root: join(directory, 'r') }, {});
      assert.deepEqual(await leftovers({ directory, bridge, ids: [] }, true), []);
    } finally {
      stranger.close();
      await rm(directory, { recursive: true });
    }
  },
);
