/** The daemon dies at random moments of a start: after the next one nothing is left behind and the names can be used again. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Shim } from '../../src/sandbox/shim.ts';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { pause, until } from '../fixtures/until.ts';

/** Each kill comes a little later in the start; 20 of them cover it. */
const ROUNDS = 20;

/** What the shims of shared VMs know to be there: the guest is not asked by way of the engine. */
async function processesInVms(daemon: RobustDaemon): Promise<string[]> {
  const found: string[] = [];
  for (const { name, id } of await daemon.vms()) {
    const shim = await Shim.find(join(daemon.runDir, 'v', id.slice(0, 24)));
    assert.ok(shim, `the VM ${name} lives`);
    for (const [proc, { pid }] of await shim.refresh()) found.push(`process ${String(proc)} (${String(pid)}) in ${name}`);
    shim.disconnect();
  }
  return found;
}

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
        assert.equal(
          await daemon.docker('run', '--rm', '--name', name, ...runtime, 'abode/base', 'echo', 'again'),
          'again',
          `round ${String(round)}`,
        );
        const traces = { directory: daemon.directory, bridge: daemon.bridge, ids: [...ids], except: [daemon.pid] };
        assert.deepEqual(await processesInVms(daemon), [], `round ${String(round)}: nothing runs in a shared VM`);
        assert.deepEqual(daemon.idsOnDisk(), [], `round ${String(round)}: no disk is left`);
        // A shared VM lives through every other round, so that starts in a running one are cut short as well.
        if (round % 2 === 0 && kind === 'hybrid') continue;
        await daemon.removeVms();
        const left = await until('nothing is left', 10_000, async () =>
          (await leftovers(traces, false)).length === 0 ? 'nothing' : undefined,
        ).catch(() => leftovers(traces, false));
        assert.equal(left, 'nothing', `round ${String(round)}: ${String(left)}`);
      }
    });
  }
});
