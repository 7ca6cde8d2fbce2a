/** Restart policies over the end of a daemon: who is started again by the next one, in every isolation. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ISOLATIONS } from '../fixtures/isolations.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

let daemon: RobustDaemon | undefined;
if (cannotRun === false) {
  before(async () => {
    daemon = await RobustDaemon.start();
    // The first VM of a kind waits for its template.
    for (const { options } of ISOLATIONS) await daemon.docker('run', '--rm', ...options, 'abode/base', 'true');
  });
  after(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });
}

/** Name, policy, command, and whether it was stopped by hand: what the next daemon finds exited. */
const CASES = [
  { name: 'always', policy: 'always', stopped: true, runs: true },
  { name: 'unless-stopped', policy: 'unless-stopped', stopped: true, runs: false },
  { name: 'no', policy: 'no', stopped: true, runs: false },
] as const;

test('a stopped container is started by the next daemon with `always` alone', { skip: cannotRun, timeout: 600_000 }, async () => {
  assert.ok(daemon);
  const own = daemon;
  const all = ISOLATIONS.flatMap((isolation) => CASES.map((entry) => ({ ...entry, id: `${entry.name}-${isolation.name}`, isolation })));
  for (const { id, policy, isolation } of all)
    await own.docker('run', '-d', '--name', id, '--restart', policy, ...isolation.options, 'abode/base', 'sleep', '1000');
  for (const { id } of all) await own.docker('stop', '-t', '0', id);
  await own.kill();
  await own.startAgain();
  for (const { id, runs } of all.filter((entry) => entry.runs))
    await until(`${id} runs`, 120_000, async () => (await own.inspect(id)).State.Running === runs);
  for (const { id, runs } of all) assert.equal((await own.inspect(id)).State.Running, runs, id);
  await own.removeAll();
});

test('a restart that was due when the daemon ended is made by the next one', { skip: cannotRun, timeout: 600_000 }, async () => {
  assert.ok(daemon);
  const own = daemon;
  const names = ISOLATIONS.map(({ name }) => `due-${name}`);
  for (const [index, { options }] of ISOLATIONS.entries())
    await own.docker(
      'run',
      '-d',
      '--name',
      names[index] ?? '',
      '--restart',
      'unless-stopped',
      ...options,
      'abode/base',
      'sh',
      '-c',
      'echo run >> /runs; test $(wc -l < /runs) -ge 8 && exec sleep 1000; exit 3',
    );
  const told = (name: string): Promise<string> =>
    own.docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}', name);
  for (const name of names) await until(`${name} is restarting`, 60_000, async () => (await told(name)).startsWith('restarting 3'));
  await own.kill();
  await own.startAgain();
  for (const name of names) await until(`${name} runs at last`, 120_000, async () => (await told(name)).startsWith('running'));
});
