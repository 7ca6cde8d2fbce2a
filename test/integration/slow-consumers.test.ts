/** A client that does not read blocks what it reads from, and nobody else; much output arrives whole. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { pause, until } from '../fixtures/until.ts';

const KINDS = [
  { kind: 'container', runtime: [] },
  { kind: 'vm', runtime: ['--runtime', 'vm'] },
  { kind: 'hybrid', runtime: ['--runtime', 'vm:slow'] },
] as const;

/** 20 MB in lines that say their place. */
const LINES = 20_000;
const LINE = 'x'.repeat(992);
const BIG = `awk 'BEGIN { for (i = 0; i < ${String(LINES)}; i++) printf "%06d %s\\n", i, "${LINE}" }'`;
const EXPECTED = createHash('sha256');
for (let line = 0; line < LINES; line += 1) EXPECTED.update(`${String(line).padStart(6, '0')} ${LINE}\n`);
const EXPECTED_HASH = EXPECTED.digest('hex');

describe('slow consumers', { skip: cannotRun, timeout: 600_000 }, () => {
  let daemon: RobustDaemon;
  before(async () => {
    daemon = await RobustDaemon.start();
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  /** An attached client that never reads: the plainest socket there is. */
  async function attachWithoutReading(name: string): Promise<Socket> {
    const socket = connect(daemon.socket);
    await once(socket, 'connect');
    socket.pause();
    socket.write(
      `POST /v1.41/containers/${name}/attach?stream=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
    );
    return socket;
  }

  for (const { kind, runtime } of KINDS) {
    test(`${kind}: a client that stops reading stops its container only`, async () => {
      const program = 'i=0; while :; do i=$((i+1)); echo "$i 0123456789012345678901234567890123456789012345678901234567890123456789"; done';
      await daemon.docker('create', '--name', 'chatty', ...runtime, 'abode/base', 'sh', '-c', program);
      await daemon.docker(
        'run',
        '-d',
        '--name',
        'other',
        ...runtime,
        'abode/base',
        'sh',
        '-c',
        'i=0; while :; do echo $i; i=$((i+1)); usleep 50000; done',
      );
      const socket = await attachWithoutReading('chatty');
      await daemon.docker('start', 'chatty');
      const lastLine = async (name: string): Promise<number> => Number((await daemon.docker('logs', '--tail', '1', name)).split(' ')[0]);
      await until('the chatty one stands still', 90_000, async () => {
        const was = await lastLine('chatty');
        await pause(1500);
        return was > 100 && (await lastLine('chatty')) === was;
      });
      const stopped = await lastLine('chatty');
      const from = await lastLine('other');
      await until('the other goes on', 30_000, async () => (await lastLine('other')) > from + 10);
      assert.equal(await daemon.docker('exec', 'other', 'echo', 'answers'), 'answers');
      assert.equal(await daemon.docker('exec', 'chatty', 'echo', 'answers'), 'answers', 'an exec has streams of its own');
      assert.equal(await lastLine('chatty'), stopped, 'it is still held up');
      // When the client goes the container goes on.
      socket.destroy();
      await until('the chatty one goes on', 60_000, async () => (await lastLine('chatty')) > stopped);
      await daemon.removeAll();
    });

    test(`${kind}: a client that does not read does not keep it from being killed`, async () => {
      await daemon.docker(
        'create',
        '--name',
        'stuck',
        ...runtime,
        'abode/base',
        'sh',
        '-c',
        'while :; do echo 0123456789012345678901234567890123456789; done',
      );
      const socket = await attachWithoutReading('stuck');
      await daemon.docker('start', 'stuck');
      await pause(3000);
      await daemon.docker('kill', 'stuck');
      const { State: state } = await daemon.ended('stuck');
      assert.deepEqual(
        { code: state.ExitCode, error: state.Error },
        { code: 137, error: '' },
        'it ended by itself, its sandbox was not torn down',
      );
      assert.match(await daemon.docker('logs', '--tail', '1', 'stuck'), /^0123/);
      await daemon.docker('rm', 'stuck');
      assert.doesNotMatch(await daemon.log(), /torn down/);
      socket.destroy();
    });

    test(`${kind}: 20 MB arrive whole, by attach and by logs`, async () => {
      const attached = await daemon.run(['run', '--name', 'big', ...runtime, 'abode/base', 'sh', '-c', BIG]);
      assert.equal(attached.code, 0, attached.stderr);
      assert.equal(attached.stdout.length, LINES * 1000);
      assert.equal(createHash('sha256').update(attached.stdout).digest('hex'), EXPECTED_HASH, 'by attach');
      const logged = await daemon.run(['logs', 'big']);
      assert.equal(createHash('sha256').update(logged.stdout).digest('hex'), EXPECTED_HASH, 'by logs');
      await daemon.removeAll();
    });

    test(`${kind}: 20 MB of input arrive whole`, async () => {
      const input = `${LINE}\n`.repeat(LINES);
      const { stdout, code, stderr } = await daemon.run(['run', '-i', '--rm', ...runtime, 'abode/base', 'sha256sum'], { input });
      assert.equal(code, 0, stderr);
      assert.equal(stdout.split(' ')[0], createHash('sha256').update(input).digest('hex'));
    });
  }
});
