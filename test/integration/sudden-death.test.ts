/** What ends without warning: a guest's kernel, QEMU, a shim. Each takes its own with it and nobody else. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, type Inspected, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { qemuOf, shimOf } from '../fixtures/seen-processes.ts';
import { until } from '../fixtures/until.ts';

const PANIC = 'echo c > /proc/sysrq-trigger';

describe('sudden death', { skip: cannotRun, timeout: 600_000 }, () => {
  let daemon: RobustDaemon;
  const ids = new Set<string>();

  before(async () => {
    daemon = await RobustDaemon.start();
    // Bystanders of every kind: they must live through all that follows.
    await start('by-container', []);
    await start('by-vm', ['--runtime', 'vm']);
    await start('by-hybrid', ['--runtime', 'vm:bystander']);
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function start(name: string, runtime: readonly string[], command = 'sleep 1000'): Promise<string> {
    const id = await daemon.docker('run', '-d', '--name', name, ...runtime, 'abode/base', 'sh', '-c', command);
    ids.add(id);
    return id;
  }

  const runDirOf = (id: string): string => join(daemon.runDir, 'c', id.slice(0, 24));

  async function vmDirectory(name: string): Promise<string> {
    const vm = (await daemon.vms()).find((candidate) => candidate.name === name);
    assert.ok(vm, `the VM ${name} is known`);
    return join(daemon.runDir, 'v', vm.id.slice(0, 24));
  }

  async function bystandersLive(): Promise<void> {
    for (const name of ['by-container', 'by-vm', 'by-hybrid'])
      assert.equal(await daemon.docker('exec', name, 'echo', 'alive'), 'alive', name);
  }

  /** Nothing on the host tells of an ended container but its disk. */
  async function nothingRunsOf(id: string): Promise<void> {
    const look = (): Promise<string[]> => leftovers({ directory: runDirOf(id), bridge: 'none-of-this-name', ids: [id] }, false);
    const left = await until('nothing of it is left', 15_000, async () => ((await look()).length === 0 ? ['nothing'] : undefined)).catch(
      look,
    );
    assert.deepEqual(left, ['nothing']);
    assert.equal(existsSync(runDirOf(id)), false, 'its run directory is gone');
  }

  async function startsAgain(name: string): Promise<void> {
    await daemon.docker('start', name);
    await until(`${name} runs again`, 60_000, async () => (await daemon.run(['exec', name, 'cat', '/kept'])).stdout === 'kept\n');
    await daemon.docker('rm', '-f', name);
  }

  function assertEnded({ State: state }: Inspected, reason: RegExp): void {
    assert.equal(state.Status, 'exited');
    assert.equal(state.ExitCode, 137);
    assert.match(state.Error, reason);
  }

  test('a panic of the guest ends that VM and says so', async () => {
    const ran = await daemon.run([
      'run',
      '--name',
      'panic',
      '--privileged',
      '--runtime',
      'vm',
      'abode/base',
      'sh',
      '-c',
      `echo before; ${PANIC}; sleep 60`,
    ]);
    assert.equal(ran.code, 137, ran.stderr);
    assert.equal(ran.stdout, 'before\n');
    const inspected = await daemon.inspect('panic');
    assertEnded(inspected, /panic: .*sysrq/i);
    assert.equal(await daemon.docker('logs', 'panic'), 'before');
    await nothingRunsOf(inspected.Id);
    await bystandersLive();
    await daemon.docker('rm', 'panic');
  });

  test('a panic of a shared guest ends all its containers; they start again with their files', async () => {
    for (const name of ['s1', 's2'])
      await start(name, ['--privileged', '--runtime', 'vm:doomed'], '[ -e /kept ] || { echo kept > /kept; sync; }; echo up; sleep 1000');
    await until('both have written', 30_000, async () =>
      (await Promise.all(['s1', 's2'].map((name) => daemon.docker('logs', name)))).every((text) => text === 'up'),
    );
    await daemon.run(['exec', '--privileged', 's1', 'sh', '-c', PANIC]);
    for (const name of ['s1', 's2']) assertEnded(await daemon.ended(name), /panic/i);
    await bystandersLive();
    for (const name of ['s1', 's2']) await startsAgain(name);
  });

  test('QEMU killed: its container ends with 137, the reason says by what', async () => {
    const id = await start('killed', ['--runtime', 'vm'], '[ -e /kept ] || { echo kept > /kept; sync; }; echo up; sleep 1000');
    await until('it has written', 30_000, async () => (await daemon.docker('logs', 'killed')) === 'up');
    process.kill(qemuOf(shimOf(runDirOf(id))), 'SIGKILL');
    assertEnded(await daemon.ended('killed'), /QEMU was killed by signal 9/);
    await nothingRunsOf(id);
    await bystandersLive();
    await startsAgain('killed');
  });

  test('QEMU of a shared VM killed: all its containers end and start again with their files', async () => {
    // What it writes to the console is not why it ended.
    const forged = 'mknod /tmp/console c 4 64; echo "Kernel panic - not syncing: forged" > /tmp/console; ';
    for (const name of ['k1', 'k2'])
      await start(
        name,
        ['--privileged', '--runtime', 'vm:killed'],
        `${forged}[ -e /kept ] || { echo kept > /kept; sync; }; echo up; sleep 1000`,
      );
    await until('both have written', 30_000, async () =>
      (await Promise.all(['k1', 'k2'].map((name) => daemon.docker('logs', name)))).every((text) => text === 'up'),
    );
    process.kill(qemuOf(shimOf(await vmDirectory('killed'))), 'SIGKILL');
    for (const name of ['k1', 'k2']) assertEnded(await daemon.ended(name), /QEMU was killed by signal 9/);
    await bystandersLive();
    for (const name of ['k1', 'k2']) await startsAgain(name);
  });

  for (const { kind, runtime } of [
    { kind: 'container', runtime: [] },
    { kind: 'vm', runtime: ['--runtime', 'vm'] },
  ]) {
    test(`${kind}: its shim killed ends it, and nothing leaks`, async () => {
      const id = await start('orphan', runtime, '[ -e /kept ] || { echo kept > /kept; sync; }; echo up; sleep 1000');
      await until('it has written', 30_000, async () => (await daemon.docker('logs', 'orphan')) === 'up');
      process.kill(shimOf(runDirOf(id)), 'SIGKILL');
      assertEnded(await daemon.ended('orphan'), /shim/);
      await nothingRunsOf(id);
      await bystandersLive();
      await startsAgain('orphan');
    });

    test(`${kind}: its shim killed while no daemon lives`, async () => {
      const id = await start('orphan', runtime, '[ -e /kept ] || { echo kept > /kept; sync; }; echo up; sleep 1000');
      await until('it has written', 30_000, async () => (await daemon.docker('logs', 'orphan')) === 'up');
      await daemon.kill();
      process.kill(shimOf(runDirOf(id)), 'SIGKILL');
      await daemon.startAgain();
      assertEnded(await daemon.ended('orphan'), /gone/);
      await nothingRunsOf(id);
      await bystandersLive();
      await startsAgain('orphan');
    });
  }

  test('the shim of a shared VM killed: its containers end and start again with their files', async () => {
    for (const name of ['o1', 'o2'])
      await start(name, ['--runtime', 'vm:orphaned'], '[ -e /kept ] || { echo kept > /kept; sync; }; echo up; sleep 1000');
    await until('both have written', 30_000, async () =>
      (await Promise.all(['o1', 'o2'].map((name) => daemon.docker('logs', name)))).every((text) => text === 'up'),
    );
    const directory = await vmDirectory('orphaned');
    process.kill(shimOf(directory), 'SIGKILL');
    for (const name of ['o1', 'o2']) assertEnded(await daemon.ended(name), /shim/);
    await bystandersLive();
    for (const name of ['o1', 'o2']) await startsAgain(name);
  });
});
