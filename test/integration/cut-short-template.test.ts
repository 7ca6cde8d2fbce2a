/** The daemon dies while a template's guest boots: the next one ends that guest, and makes the template again. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);

test('a template that was cut short leaves no guest behind', { skip: cannotRun, timeout: 180_000 }, async () => {
  await using daemon = await RobustDaemon.start();
  const traces = (): Parameters<typeof leftovers>[0] => ({
    directory: daemon.directory,
    bridge: daemon.bridge,
    ids: [],
    except: [daemon.pid],
  });
  const client = daemon.run(['run', '--rm', '--runtime', 'vm', 'abode/base', 'true']);
  const templates = join(daemon.root, 'vm/templates');
  // QEMU's console is opened with its start.
  await until('the template boots', 60_000, () => list(templates).some((name) => existsSync(join(templates, name, 'console'))));
  await until('its guest runs', 10_000, async () => (await leftovers(traces(), false)).some((line) => line.includes(' shim ')));
  await daemon.kill();
  await client;
  await daemon.startAgain();
  assert.deepEqual(await leftovers(traces(), false), []);
  assert.deepEqual(list(templates), [], 'what was half made is gone too');
  assert.equal(await daemon.docker('run', '--rm', '--runtime', 'vm', 'abode/base', 'echo', 'again'), 'again');
});

test(
  'templates of another guest or QEMU are removed, and made anew when they are needed',
  { skip: cannotRun, timeout: 180_000 },
  async () => {
    await using daemon = await RobustDaemon.start();
    const templates = join(daemon.root, 'vm/templates');
    await daemon.docker('run', '--rm', '--runtime', 'vm', 'abode/base', 'true');
    const [name = ''] = list(templates);
    const path = join(templates, name, 'meta.json');
    await daemon.stop();
    await daemon.startAgain();
    assert.deepEqual(list(templates), [name], 'one that is in use stays');
    const meta = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...meta, origin: 'QEMU 1.0' }));
    await daemon.stop();
    await daemon.startAgain();
    assert.deepEqual(list(templates), []);
    assert.equal(await daemon.docker('run', '--rm', '--runtime', 'vm', 'abode/base', 'echo', 'again'), 'again');
  },
);
