/** The daemon dies at random moments of a start: after the next one nothing is left behind and the names can be used again. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { pause, until } from '../fixtures/until.ts';

/** Each kill comes a little later in the start; 20 of them cover it. */
const ROUNDS = 20;

describe('the daemon is killed during a start', { skip: cannotRun, timeout: 900_000 }, () => {
  let daemon: RobustDaemon;
  before(async () => {
    daemon = await RobustDaemon.start();
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  for (const { kind, runtime } of [
    { kind: 'container', runtime: [] },
    { kind: 'vm', runtime: ['--runtime', 'vm'] },
    { kind: 'hybrid', runtime: ['--runtime', 'vm:cut'] },
  ]) {
    test(`${kind}: ${String(ROUNDS)} times`, async () => {
      const begun = performance.now();
      await daemon.docker('run', '--rm', ...runtime, 'abode/base', 'true');
      // The first start makes the template; the second tells how long a start takes here.
      const from = performance.now();
      await daemon.docker('run', '--rm', ...runtime, 'abode/base', 'true');
      const usual = performance.now() - from;
      const ids = new Set<string>();
      for (let round = 0; round < ROUNDS && performance.now() - begun < 240_000; round += 1) {
        const name = `cut-${String(round % 3)}`;
        const client = daemon.run(['run', '--name', name, ...runtime, 'abode/base', 'sleep', '1000']);
        await pause((usual * (round + 1)) / ROUNDS);
        await daemon.kill();
        await client;
        for (const id of daemon.idsOnDisk()) ids.add(id);
        await daemon.startAgain();
        for (const id of await daemon.ids()) ids.add(id);
        await daemon.run(['rm', '-f', name]);
        assert.equal(await daemon.docker('ps', '-aq'), '', `round ${String(round)}`);
        assert.equal(await daemon.docker('run', '--rm', '--name', name, ...runtime, 'abode/base', 'echo', 'again'), 'again', `round ${String(round)}`);
        const traces = { directory: daemon.directory, bridge: daemon.bridge, ids: [...ids], except: [daemon.pid] };
        await daemon.removeVms();
        const left = await until('nothing is left', 10_000, async () => ((await leftovers(traces, false)).length === 0 ? 'nothing' : undefined)).catch(() => leftovers(traces, false));
        assert.equal(left, 'nothing', `round ${String(round)}: ${String(left)}`);
        assert.deepEqual(daemon.idsOnDisk(), [], `round ${String(round)}: no disk is left`);
      }
    });
  }
});
