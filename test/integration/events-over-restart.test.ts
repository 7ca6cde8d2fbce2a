/** What happened is told to who asks later, also of a daemon that was killed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';

test(
  'events of before the daemon was killed, each once and in order, with those of after',
  { skip: cannotRun, timeout: 300_000 },
  async () => {
    await using daemon = await RobustDaemon.start();
    const since = String(Date.now() / 1000 - 1);
    const told = async (...filters: readonly string[]): Promise<string[]> => {
      const until = String(Date.now() / 1000 + 0.01);
      const options = ['--since', since, '--until', until, ...filters.flatMap((filter) => ['--filter', filter])];
      const text = await daemon.docker(
        'events',
        ...options,
        '--format',
        '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}',
      );
      return text.split('\n').map((line) => line.replace(' <no value>', '').trim());
    };
    assert.equal((await daemon.run(['run', '--name', 'first', '--label', 'colour=blue', 'abode/base', 'sh', '-c', 'exit 3'])).code, 3);
    const before = await told('type=container');
    assert.deepEqual(before, ['create first', 'attach first', 'start first', 'die first 3']);
    await daemon.kill();
    await daemon.startAgain();
    assert.deepEqual(await told('type=container'), before);
    await daemon.docker('rm', 'first');
    await daemon.docker('tag', 'abode/base', 'other:1');
    assert.deepEqual(await told('container=first'), [...before, 'destroy first']);
    assert.deepEqual(await told('label=colour=blue', 'event=die', 'event=destroy'), ['die first 3', 'destroy first']);
    assert.deepEqual(await told('type=image', 'event=tag'), ['tag other:1']);
  },
);
