/** A `docker cp` or `export` that breaks off: the client leaves, does not read, or the daemon dies. The container is none the worse. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ISOLATIONS } from '../fixtures/isolations.ts';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const FILL = 'head -c 20000000 /dev/urandom > /big; echo kept > /kept; echo ready; sleep 1000';

describe('files cut short', { skip: cannotRun, timeout: 900_000 }, () => {
  let daemon: RobustDaemon;

  before(async () => {
    daemon = await RobustDaemon.start();
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function stopped(name: string, options: readonly string[]): Promise<string> {
    const id = await daemon.docker('run', '-d', '--name', name, ...options, 'abode/base', 'sh', '-c', FILL);
    await until('it is ready', 120_000, async () => (await daemon.docker('logs', name)).includes('ready'));
    await daemon.docker('stop', '-t', '0', name);
    return id;
  }

  /** Has the head of the answer, and leaves the rest where it is. */
  function begin(method: string, path: string): Promise<{ asked: ClientRequest; answer: IncomingMessage }> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: daemon.socket, method, path }, (answer) => {
        answer.on('error', () => undefined);
        answer.pause();
        resolve({ asked, answer });
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  async function nothingIsHeld(name: string, id: string): Promise<void> {
    await daemon.docker('start', name);
    assert.equal(await daemon.docker('exec', name, 'cat', '/kept'), 'kept');
    await daemon.docker('rm', '-f', name);
    const traces = { directory: join(daemon.runDir, 'c', id.slice(0, 24)), bridge: 'none-of-this-name', ids: [id] };
    await until('nothing of it is left', 20_000, async () => (await leftovers(traces, false)).length === 0);
    assert.equal(existsSync(traces.directory), false);
  }

  for (const { name: isolation, options } of ISOLATIONS) {
    test(`${isolation}: a client that leaves in the middle of an archive`, async () => {
      const id = await stopped(`left-${isolation}`, options);
      for (const path of ['archive?path=/big', 'export']) {
        const { asked } = await begin('GET', `/containers/left-${isolation}/${path}`);
        asked.destroy();
      }
      await nothingIsHeld(`left-${isolation}`, id);
    });

    test(`${isolation}: an archive that is sent half`, async () => {
      const id = await stopped(`half-${isolation}`, options);
      const asked = request({
        socketPath: daemon.socket,
        method: 'PUT',
        path: `/containers/half-${isolation}/archive?path=/`,
        headers: { 'Content-Length': 1_000_000 },
      });
      asked.on('error', () => undefined);
      asked.write(Buffer.alloc(5000));
      await new Promise((resolve) => setTimeout(resolve, 1500));
      asked.destroy();
      await nothingIsHeld(`half-${isolation}`, id);
    });

    test(`${isolation}: the daemon dies while it archives`, async () => {
      const id = await stopped(`died-${isolation}`, options);
      const { answer } = await begin('GET', `/containers/died-${isolation}/export`);
      await daemon.kill();
      answer.destroy();
      await daemon.startAgain();
      await nothingIsHeld(`died-${isolation}`, id);
    });
  }
});
