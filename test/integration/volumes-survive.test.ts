/** Volumes over the death of the daemon: nothing of a volume is lost, and none is left that nobody has. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { pause } from '../fixtures/until.ts';

const options = { skip: cannotRun, timeout: 600_000 };

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

async function volumes(daemon: RobustDaemon): Promise<string[]> {
  return lines(await daemon.docker('volume', 'ls', '-q'));
}

/** What is on the disk is what is known, each with its data and nothing half made beside it. */
async function assertWhole(daemon: RobustDaemon): Promise<void> {
  const known = (await volumes(daemon)).sort();
  const root = join(daemon.root, 'volumes');
  assert.deepEqual(existsSync(root) ? readdirSync(root).sort() : [], known);
  for (const name of known) assert.deepEqual(readdirSync(join(root, name)), ['_data'], name);
}

test('a daemon that is killed at any moment of create, run --rm and rm -v leaves what is whole', options, async () => {
  await using daemon = await RobustDaemon.start();
  await daemon.docker('volume', 'create', 'kept');
  await daemon.docker('run', '--rm', '-v', 'kept:/data', 'abode/base', 'sh', '-c', 'echo kept > /data/f');
  for (const delay of [0, 5, 12, 20, 35, 60, 100, 160]) {
    const work = [
      daemon.run(['create', '--name', `made-${String(delay)}`, '-v', '/etc', '-v', `named-${String(delay)}:/bin`, 'abode/base', 'true']),
      daemon.run(['run', '--rm', '-v', '/etc', '-v', 'kept:/data', 'abode/base', 'true']),
      daemon.run(['rm', '-f', '-v', ...lines(await daemon.docker('ps', '-aq'))]),
    ];
    await pause(delay);
    await daemon.kill();
    await Promise.all(work);
    await daemon.startAgain();
    for (const id of await daemon.ids()) await daemon.docker('inspect', id);
    // A container of --rm that was there ends, and what was to go with it goes.
    await pause(500);
    await assertWhole(daemon);
    const held = lines(await daemon.docker('ps', '-aq', '--no-trunc')).length;
    const anonymous = (await volumes(daemon)).filter((name) => /^[0-9a-f]{64}$/.test(name));
    assert.ok(anonymous.length <= held, `${String(anonymous.length)} anonymous volumes of ${String(held)} containers`);
    assert.equal(readFileSync(join(daemon.root, 'volumes/kept/_data/f'), 'utf8'), 'kept\n');
    assert.equal((await daemon.run(['volume', 'inspect', 'kept'])).code, 0);
  }
  await daemon.removeAll();
});

test('what is no volume of its own is left alone below the volumes', options, async () => {
  await using daemon = await RobustDaemon.start();
  mkdirSync(join(daemon.root, 'volumes/strange/_data'), { recursive: true });
  writeFileSync(join(daemon.root, 'volumes/strange/_data/f'), 'somebody wants this');
  await daemon.stop();
  await daemon.startAgain();
  assert.deepEqual(await volumes(daemon), []);
  assert.equal(readFileSync(join(daemon.root, 'volumes/strange/_data/f'), 'utf8'), 'somebody wants this');
});

test('containers and VMs keep their volumes over the death of the daemon, and give them back at their end', options, async () => {
  await using daemon = await RobustDaemon.start();
  const kinds = [[], ['--runtime', 'vm'], ['--runtime', 'vm:volumes']];
  for (const [index, runtime] of kinds.entries()) {
    const name = `c${String(index)}`;
    await daemon.docker('run', '-d', '--rm', '--name', name, ...runtime, '-v', 'shared:/data', '-v', '/own', 'abode/base', 'sleep', '1000');
  }
  await daemon.kill();
  await daemon.startAgain();
  for (const index of kinds.keys())
    await daemon.docker('exec', `c${String(index)}`, 'sh', '-c', `echo ${String(index)} >> /data/f; touch /own/f`);
  assert.equal(readFileSync(join(daemon.root, 'volumes/shared/_data/f'), 'utf8'), '0\n1\n2\n');
  const refused = await daemon.run(['volume', 'rm', 'shared']);
  assert.match(refused.stderr, /remove shared: volume is in use - \[[0-9a-f]{64}, [0-9a-f]{64}, [0-9a-f]{64}\]/);
  assert.equal((await volumes(daemon)).length, 4);
  // Another comes into the VM that a former daemon gave its files.
  const more = await daemon.docker('run', '--rm', '--runtime', 'vm:volumes', '-v', 'shared:/s:ro', 'abode/base', 'cat', '/s/f');
  assert.equal(more, '0\n1\n2');
  await daemon.docker('rm', '-f', 'c0', 'c1', 'c2');
  assert.deepEqual(await volumes(daemon), ['shared']);
  await daemon.docker('volume', 'rm', 'shared');
  await assertWhole(daemon);
});
