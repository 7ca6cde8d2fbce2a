/** Twenty containers and ten VMs at once, and nothing of them afterwards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesBelow, leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const CONTAINERS = 20;
const VMS = 10;
const SHARED = 3;

test('twenty containers and ten VMs at once leave nothing behind', { skip: cannotRun, timeout: 600_000 }, async () => {
  await using daemon = await RobustDaemon.start();
  // Templates first, so that thirty starts wait for their own work only.
  await daemon.docker('run', '--rm', '--runtime', 'vm', 'abode/base', 'true');
  await daemon.docker('run', '--rm', '--runtime', 'vm:shared', 'abode/base', 'true');
  const wanted = [
    ...Array.from({ length: CONTAINERS }, (_, index) => ({ name: `c${String(index)}`, runtime: [] as string[] })),
    ...Array.from({ length: VMS }, (_, index) => ({ name: `v${String(index)}`, runtime: ['--runtime', 'vm'] })),
    ...Array.from({ length: SHARED }, (_, index) => ({ name: `h${String(index)}`, runtime: ['--runtime', 'vm:shared'] })),
  ];
  const started = await Promise.all(
    wanted.map(({ name, runtime }) =>
      daemon.run(['run', '-d', '--name', name, ...runtime, 'abode/base', 'sh', '-c', `echo ${name} > /mine; echo up; sleep 1000`]),
    ),
  );
  for (const [index, result] of started.entries()) assert.equal(result.code, 0, `${wanted[index]?.name ?? ''}: ${result.stderr}`);
  assert.equal((await daemon.docker('ps', '-q')).split('\n').length, wanted.length);
  for (const { name } of wanted) assert.equal(await daemon.docker('exec', name, 'cat', '/mine'), name);
  const addresses = new Set<string>();
  for (const { name } of wanted) addresses.add((await daemon.inspect(name)).NetworkSettings.Networks.bridge?.IPAddress ?? '');
  assert.equal(addresses.size, wanted.length, 'everyone has an address of its own');

  const traces = {
    directory: daemon.directory,
    bridge: daemon.bridge,
    ids: [...(await daemon.ids()), ...(await daemon.vms()).map(({ id }) => id)],
  };
  const seen = await leftovers(traces, true);
  // The search must be able to fail: while they run it finds every kind of thing.
  for (const kind of ['process', 'mounts', 'cgroup', 'interface abv', 'interface abt', `interface ${daemon.bridge}`, 'rule']) {
    assert.ok(
      seen.some((line) => line.startsWith(kind)),
      `${kind} is seen while it is there`,
    );
  }
  assert.equal(daemon.idsOnDisk().length, wanted.length);

  const removed = await Promise.all(wanted.map(({ name }) => daemon.run(['rm', '-f', name])));
  for (const [index, result] of removed.entries()) assert.equal(result.code, 0, `${wanted[index]?.name ?? ''}: ${result.stderr}`);
  await daemon.removeVms();
  assert.deepEqual(await leftovers({ ...traces, except: [daemon.pid] }, false), []);
  assert.deepEqual(daemon.idsOnDisk(), []);
  assert.deepEqual(filesBelow(`${daemon.root}/containers`), []);
  await daemon.stop();
  assert.deepEqual(await leftovers(traces, true), []);
  assert.deepEqual(filesBelow(daemon.runDir), []);
  assert.deepEqual(filesBelow(`${daemon.root}/vm/shared`), []);
});

test('a start that is refused leaves nothing behind', { skip: cannotRun, timeout: 300_000 }, async () => {
  await using daemon = await RobustDaemon.start();
  for (const runtime of [[], ['--runtime', 'vm'], ['--runtime', 'vm:refused']]) {
    for (const refused of [
      ['-u', 'nobody-knows', 'abode/base', 'true'],
      ['abode/base', '/no/such/command'],
      ['-w', '/etc/passwd', 'abode/base', 'true'],
    ]) {
      const { code } = await daemon.run(['run', '--name', 'refused', ...runtime, ...refused]);
      assert.notEqual(code, 0, refused.join(' '));
      const ids = await daemon.ids();
      assert.equal(ids.length, 1);
      await daemon.docker('rm', '-f', 'refused');
      await daemon.removeVms();
      const traces = { directory: daemon.directory, bridge: daemon.bridge, ids, except: [daemon.pid] };
      await until('its shim has ended', 10_000, async () => (await leftovers(traces, false)).length === 0).catch(() => undefined);
      assert.deepEqual(await leftovers(traces, false), [], `${runtime.join(' ')} ${refused.join(' ')}`);
    }
  }
});
