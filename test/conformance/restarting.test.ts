/** A container between an exit and the restart that its policy decided on, and restarts that fail. */
import assert from 'node:assert/strict';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { until } from '../fixtures/until.ts';

const { behaviour } = conformance();

/** Fails at once, so that the pauses between its runs grow. */
async function restartless(subject: Subject): Promise<void> {
  await subject.background(['--restart', 'always'], 'sh', '-c', 'exit 3');
  await until('six restarts', 120_000, async () => Number(await subject.inspect('{{.RestartCount}}')) >= 6);
  // After the sixth run there are more than ten seconds until the next.
  const finished = await subject.inspect('{{.State.FinishedAt}}');
  await until('it is restarting', 60_000, async () => {
    const [status, at] = (await subject.inspect('{{.State.Status}} {{.State.FinishedAt}}')).split(' ');
    return status === 'restarting' && at !== finished;
  });
}

behaviour('between two runs a container is restarting, which counts as running', async (subject) => {
  await restartless(subject);
  assert.equal(
    await subject.inspect('{{.State.Status}} {{.State.Running}} {{.State.Restarting}} {{.State.Pid}} {{.State.ExitCode}}'),
    'restarting true true 0 3',
  );
  assert.match(
    await subject.daemon.docker('ps', '--filter', 'status=restarting', '--format', '{{.Names}} {{.Status}}'),
    new RegExp(`^${subject.name} Restarting \\(3\\) .* ago$`, 'm'),
  );
  for (const [args, message] of [
    [['exec', subject.name, 'true'], /is restarting, wait until the container is running/],
    [['pause', subject.name], /is restarting, wait until the container is running/],
    [['rm', subject.name], /container is restarting: stop the container before removing or force remove/],
  ] as const) {
    const { code, stderr } = await subject.docker(...args);
    assert.notEqual(code, 0, args.join(' '));
    assert.match(stderr, message);
  }
  assert.equal((await subject.docker('start', subject.name)).code, 0);
  assert.equal((await subject.docker('stop', subject.name)).code, 0);
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.Running}} {{.State.ExitCode}}'), 'exited false 3');
  const count = await subject.inspect('{{.RestartCount}}');
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.equal(await subject.inspect('{{.RestartCount}} {{.State.Status}}'), `${count} exited`, 'it stays so');
});

behaviour(
  'kill ends a container between two runs for good; a start begins to count anew',
  async (subject) => {
    await restartless(subject);
    assert.equal((await subject.docker('kill', subject.name)).code, 0);
    assert.equal(await subject.inspect('{{.State.Status}}'), 'exited');
    await subject.docker('start', subject.name);
    assert.ok(Number(await subject.inspect('{{.RestartCount}}')) < 6);
  },
  ['container'],
);

behaviour('a restart that fails leaves an exited container exited, with the code of the failure', async (subject) => {
  // The command goes away with its first run.
  await subject.create([], 'sh', '-c', 'mv /bin/sh /bin/other; exit 5');
  await subject.docker('start', '-a', subject.name);
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}}'), 'exited 5');
  const before = await subject.inspect('{{.State.StartedAt}} {{.State.FinishedAt}}');
  const { code, stderr } = await subject.docker('start', subject.name);
  assert.notEqual(code, 0);
  assert.match(stderr, /exec: "sh": executable file not found in \$PATH/);
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}}'), 'exited 127');
  assert.match(await subject.inspect('{{.State.Error}}'), /executable file not found/);
  assert.equal(await subject.inspect('{{.State.StartedAt}} {{.State.FinishedAt}}'), before);
});

behaviour('a policy whose restart fails gives up', async (subject) => {
  await subject.background(['--restart', 'always'], 'sh', '-c', 'mv /bin/sh /bin/other; exit 5');
  await until('it gave up', 60_000, async () => (await subject.inspect('{{.State.Status}} {{.State.ExitCode}}')) === 'exited 127');
});
