/** The daemon dies without a word while workloads run: they go on, and the next daemon takes them over. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { pause, until } from '../fixtures/until.ts';

const KINDS = [
  { name: 'container', runtime: [] },
  { name: 'vm', runtime: ['--runtime', 'vm'] },
  { name: 'hybrid', runtime: ['--runtime', 'vm:death'] },
] as const;

/** Numbered lines until a file says stop, and the last number when it ends by itself. */
const PRINTER = 'i=0; while [ ! -e /stop ]; do echo line $i; i=$((i+1)); usleep 20000; done; echo end $i; exit 7';

function collect(child: ChildProcess): { text: () => string; closed: Promise<number | null> } {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stderr?.resume();
  return { text: () => text, closed: new Promise((resolve) => child.once('close', resolve)) };
}

function assertEveryLineOnce(text: string): number {
  const lines = text.trimEnd().split('\n');
  const end = lines.pop() ?? '';
  lines.forEach((line, index) => {
    assert.equal(line, `line ${String(index)}`, 'lines are in order, none is lost or doubled');
  });
  assert.equal(end, `end ${String(lines.length)}`);
  return lines.length;
}

describe('the daemon is killed', { skip: cannotRun, timeout: 600_000 }, () => {
  let daemon: RobustDaemon;
  before(async () => {
    daemon = await RobustDaemon.start();
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test('what runs goes on, and is taken over with every line of its log', async () => {
    for (const { name, runtime } of KINDS) await daemon.docker('run', '-d', '--name', name, ...runtime, 'abode/base', 'sh', '-c', PRINTER);
    const attached = KINDS.map(({ name }) => collect(daemon.spawn('attach', '--no-stdin', name)));
    const following = KINDS.map(({ name }) => collect(daemon.spawn('logs', '-f', name)));
    await until('all clients see output', 60_000, () => [...attached, ...following].every(({ text }) => text().includes('line ')));
    for (let round = 0; round < 3; round += 1) {
      await daemon.kill();
      if (round === 0) {
        const closed = await Promise.race([Promise.all([...attached, ...following].map((client) => client.closed)), pause(20_000)]);
        assert.ok(closed !== undefined, 'clients of the dead daemon see a closed connection');
      }
      await pause(700);
      await daemon.startAgain();
      assert.deepEqual((await daemon.docker('ps', '--format', '{{.Names}}')).split('\n').toSorted(), ['container', 'hybrid', 'vm']);
    }
    for (const { name } of KINDS) {
      const seen = (await daemon.docker('logs', name)).split('\n').length;
      const follow = collect(daemon.spawn('logs', '-f', name));
      const wait = collect(daemon.spawn('wait', name));
      const live = collect(daemon.spawn('attach', '--no-stdin', '--sig-proxy=false', name));
      await until(`${name}: logs -f goes on`, 60_000, () => follow.text().split('\n').length > seen + 10);
      await until(`${name}: attach goes on`, 60_000, () => live.text().includes('line '));
      const exec = await daemon.run(['exec', name, 'sh', '-c', 'echo in; exit 3']);
      assert.deepEqual({ code: exec.code, stdout: exec.stdout }, { code: 3, stdout: 'in\n' }, exec.stderr);
      await daemon.docker('exec', name, 'touch', '/stop');
      assert.equal(await wait.closed, 0);
      assert.equal(wait.text().trim(), '7');
      assert.equal(await follow.closed, 0);
      await live.closed;
      assert.ok(assertEveryLineOnce(follow.text()) > 60, 'it printed all along');
      assert.equal(follow.text().trimEnd(), await daemon.docker('logs', name));
      assert.equal((await daemon.inspect(name)).State.ExitCode, 7);
    }
    await daemon.removeAll();
  });

  test('stop works on what was taken over', async () => {
    for (const { name, runtime } of KINDS)
      await daemon.docker(
        'run',
        '-d',
        '--name',
        name,
        ...runtime,
        'abode/base',
        'sh',
        '-c',
        'trap "exit 9" TERM; while :; do sleep 0.1; done',
      );
    await daemon.kill();
    await daemon.startAgain();
    for (const { name } of KINDS) {
      await daemon.docker('stop', name);
      assert.equal((await daemon.inspect(name)).State.ExitCode, 9, name);
    }
    await daemon.removeAll();
  });

  test('what ends while no daemon lives has its real exit code and last words', async () => {
    for (const { name, runtime } of KINDS)
      await daemon.docker('run', '-d', '--name', name, ...runtime, 'abode/base', 'sh', '-c', 'sleep 3; echo last words; exit 42');
    await daemon.kill();
    await pause(6000);
    await daemon.startAgain();
    for (const { name } of KINDS) {
      const { State: state } = await daemon.ended(name);
      assert.equal(state.ExitCode, 42, name);
      assert.equal(state.Error, '', name);
      assert.equal(await daemon.docker('wait', name), '42');
      assert.equal(await daemon.docker('logs', name), 'last words');
    }
    await daemon.removeAll();
  });

  test('an image in a shared VM is known again: a second container of it starts beside the first', async () => {
    await daemon.docker('run', '-d', '--name', 'one', '--runtime', 'vm:death', 'abode/base', 'sleep', '1000');
    await daemon.kill();
    await daemon.startAgain();
    assert.equal(await daemon.docker('run', '--rm', '--runtime', 'vm:death', 'abode/base', 'echo', 'two'), 'two');
    assert.equal(await daemon.docker('exec', 'one', 'echo', 'still here'), 'still here');
    await daemon.removeAll();
    await daemon.kill();
    await daemon.startAgain();
    assert.equal(await daemon.docker('run', '--rm', '--runtime', 'vm:death', 'abode/base', 'echo', 'three'), 'three');
  });
});
