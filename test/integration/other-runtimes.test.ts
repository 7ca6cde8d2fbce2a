/** What other runtimes than the default run outlives the daemon too, and leaves as little. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lacking, RUNTIMES } from '../fixtures/isolations.ts';
import { filesBelow, leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const WAITING = 'trap "echo end; exit 9" TERM; echo up; while :; do sleep 0.1; done';

for (const runtime of RUNTIMES) {
  const skip = cannotRun === false ? lacking(runtime) : cannotRun;
  test(`${runtime.name}: a killed daemon's successor goes on with it`, { skip, timeout: 300_000 }, async () => {
    await using daemon = await RobustDaemon.start();
    const id = await daemon.docker('run', '-d', '--name', 'mine', ...runtime.options, 'abode/base', 'sh', '-c', WAITING);
    await until('it is up', 60_000, async () => (await daemon.docker('logs', 'mine')) === 'up');
    await daemon.kill();
    await daemon.startAgain();
    assert.equal(await daemon.docker('ps', '-q', '--no-trunc'), id);
    assert.equal(await daemon.docker('exec', 'mine', 'echo', 'alive'), 'alive');
    const waiting = daemon.docker('wait', 'mine');
    await daemon.docker('stop', '-t', '60', 'mine');
    assert.equal(await waiting, '9');
    assert.equal(await daemon.docker('logs', 'mine'), 'up\nend');
    assert.equal(await daemon.docker('start', 'mine'), 'mine');
    await daemon.docker('rm', '-f', 'mine');
    const traces = { directory: daemon.directory, bridge: daemon.bridge, ids: [id] };
    assert.deepEqual(await leftovers({ ...traces, except: [daemon.pid] }, false), []);
    assert.deepEqual(filesBelow(`${daemon.root}/containers`), []);
    await daemon.stop();
    assert.deepEqual(await leftovers(traces, true), []);
    assert.deepEqual(filesBelow(daemon.runDir), []);
  });

  test(`${runtime.name}: killed with the daemon dead, its end is known to the successor`, { skip, timeout: 300_000 }, async () => {
    await using daemon = await RobustDaemon.start();
    const id = await daemon.docker('run', '-d', '--name', 'mine', ...runtime.options, 'abode/base', 'sh', '-c', 'sleep 2; exit 5');
    await daemon.kill();
    // With nobody to ask, the exit record is what tells that it has ended.
    await until('its exit is recorded', 60_000, () => filesBelow(daemon.runDir).some((path) => path.endsWith('/exit.json')));
    await daemon.startAgain();
    assert.equal((await daemon.ended('mine')).State.ExitCode, 5);
    await daemon.docker('rm', 'mine');
    assert.deepEqual(await leftovers({ directory: daemon.directory, bridge: daemon.bridge, ids: [id], except: [daemon.pid] }, false), []);
  });
}
