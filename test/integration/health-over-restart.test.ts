/** Health checks go on where a former daemon was, in every isolation. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ISOLATIONS } from '../fixtures/isolations.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

let daemon: RobustDaemon | undefined;
if (cannotRun === false) {
  before(async () => {
    daemon = await RobustDaemon.start();
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });
}

test('a daemon that comes back knows what was seen, and checks on', { skip: cannotRun, timeout: 400_000 }, async () => {
  assert.ok(daemon);
  const own = daemon;
  const names = ISOLATIONS.map(({ name }) => `checked-${name}`);
  const becomes = async (name: string, status: string): Promise<void> => {
    await until(
      `${name} is ${status}`,
      120_000,
      async () => (await own.docker('inspect', '-f', '{{.State.Health.Status}}', name)) === status,
    );
  };
  for (const [index, { options }] of ISOLATIONS.entries()) {
    const check = ['--health-cmd', 'test ! -e /bad', '--health-interval', '300ms', '--health-timeout', '60s', '--health-retries', '1'];
    await own.docker('run', '-d', '--name', names[index] ?? '', ...options, ...check, 'abode/base', 'sleep', '1000');
  }
  for (const name of names) await becomes(name, 'healthy');
  await own.kill();
  await own.startAgain();
  for (const name of names) {
    assert.equal(await own.docker('inspect', '-f', '{{.State.Health.Status}}', name), 'healthy');
    await own.docker('exec', name, 'touch', '/bad');
    await becomes(name, 'unhealthy');
  }
});
