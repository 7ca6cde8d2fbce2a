/** `abode up`, `down` and `daemon` as a user types them: one daemon for a directory, and nothing left of a start that failed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { loadConfig } from '../../src/config/config.ts';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, DOCKER, type Finished } from '../fixtures/robust-daemon.ts';

const ABODE = join(import.meta.dirname, '..', '..', 'abode');

function run(command: string, args: readonly string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr });
    });
  });
}

describe('the daemon by command', { skip: cannotRun, timeout: 300_000, concurrency: false }, () => {
  const directory = mkdtempSync('/tmp/abr-');
  const place = (root: string, runDir: string): string[] => ['--root', join(directory, root), '--run-dir', join(directory, runDir)];
  const socketOf = (runDir: string): string => join(directory, runDir, 'abode.sock');
  const docker = (runDir: string, ...args: string[]): Promise<Finished> => run(DOCKER, ['-H', `unix://${socketOf(runDir)}`, ...args]);
  const traces = (root: string, ids: string[] = []): Promise<string[]> =>
    leftovers({ directory: join(directory, root), bridge: loadConfig({ root: join(directory, root) }, {}).bridge, ids }, true);

  after(async () => {
    for (const [root, runDir] of [
      ['r', 's'],
      ['r2', 'a b'],
    ] as const)
      await run(ABODE, ['down', ...place(root, runDir)]);
    await rm(directory, { recursive: true, force: true });
  });

  test('started three times at once it is one daemon, and all three say where', async () => {
    const ups = await Promise.all([1, 2, 3].map(() => run(ABODE, ['up', ...place('r', 's')])));
    for (const up of ups) assert.deepEqual([up.code, up.stdout], [0, `export DOCKER_HOST=unix://${socketOf('s')}\n`], up.stderr);
  });

  test('a second one on the same root is refused, and the container of the first goes on', async () => {
    const { stdout } = await docker('s', 'run', '-d', '--name', 'kept', 'abode/base', 'sleep', '1000');
    const second = await run(ABODE, ['daemon', ...place('r', 's2')]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /a daemon \(process \d+\) already uses \S+\/r; stop it with/);
    assert.equal((await docker('s', 'inspect', '-f', '{{.Id}} {{.State.Running}}', 'kept')).stdout.trim(), `${stdout.trim()} true`);
    assert.equal((await docker('s', 'run', '--rm', 'abode/base', 'echo', 'works')).stdout, 'works\n');
    assert.equal((await docker('s', 'rm', '-f', 'kept')).code, 0);
  });

  test('on a socket that is in use it ends, and leaves nothing', async () => {
    const second = await run(ABODE, ['daemon', ...place('r3', 's3'), '--socket', socketOf('s')]);
    assert.deepEqual([second.code, /a daemon already answers/.test(second.stderr)], [1, true], second.stderr);
    assert.deepEqual(await traces('r3'), []);
  });

  test('a place that no directory can be made in, and a path that no socket can have, are errors that say so', async () => {
    const proc = await run(ABODE, ['daemon', '--root', '/proc/abode-test', '--run-dir', join(directory, 's4')]);
    assert.deepEqual([proc.code, /the directory \/proc\/abode-test cannot be made/.test(proc.stderr)], [1, true], proc.stderr);
    const long = await run(ABODE, ['daemon', ...place('r5', 'x'.repeat(60))]);
    assert.deepEqual([long.code, /bytes long, 107 are possible/.test(long.stderr)], [1, true], long.stderr);
  });

  test('a run directory with a space is named so that a shell reads it', async () => {
    const up = await run(ABODE, ['up', ...place('r2', 'a b')]);
    assert.deepEqual([up.code, up.stdout], [0, `export DOCKER_HOST='unix://${socketOf('a b')}'\n`], up.stderr);
    const told = await run('sh', ['-c', `${up.stdout} "$0" version -f '{{.Server.Version}}'`, DOCKER]);
    assert.equal(told.code, 0, told.stderr);
  });

  test('down leaves what runs, and with nothing running nothing', async () => {
    const { stdout } = await docker('s', 'run', '-d', '--name', 'on', '--runtime', 'vm', 'abode/base', 'sleep', '1000');
    assert.equal((await run(ABODE, ['down', ...place('r', 's')])).code, 0);
    assert.equal((await run(ABODE, ['up', ...place('r', 's')])).code, 0);
    assert.equal((await docker('s', 'exec', 'on', 'echo', 'alive')).stdout, 'alive\n');
    assert.equal((await docker('s', 'rm', '-f', 'on')).code, 0);
    assert.equal((await run(ABODE, ['down', ...place('r', 's')])).code, 0);
    assert.deepEqual(await traces('r', [stdout.trim()]), []);
    assert.deepEqual(await traces('s', [stdout.trim()]), []);
  });
});
