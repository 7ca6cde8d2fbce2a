/** Beside a Docker whose forward policy is drop: containers and VMs reach the outside and each other, also after Docker made its chains anew. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Outside } from '../fixtures/outside.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const run = promisify(execFile);

async function noDocker(): Promise<false | string> {
  try {
    const { stdout } = await run('nft', ['list', 'chain', 'ip', 'filter', 'FORWARD']);
    await run('nft', ['list', 'chain', 'ip', 'filter', 'DOCKER-USER']);
    return stdout.includes('policy drop') ? false : 'the forward policy is not drop: no Docker runs here';
  } catch {
    return 'there is no chain DOCKER-USER: no Docker runs here';
  }
}

const skip = cannotRun === false ? await noDocker() : cannotRun;

describe('beside Docker', { skip, timeout: 300_000 }, () => {
  const outside = new Outside();
  let daemon: RobustDaemon;
  let server: { close: () => void } | undefined;
  const names = ['container', 'vm'];

  before(async () => {
    await outside.make();
    server = outside.serve();
    daemon = await RobustDaemon.start();
    await daemon.docker('run', '-d', '--name', 'container', 'abode/base', 'sleep', '1000');
    await daemon.docker('run', '-d', '--name', 'vm', '--runtime', 'vm', 'abode/base', 'sleep', '1000');
  });
  after(async () => {
    server?.close();
    await daemon[Symbol.asyncDispose]();
    await outside[Symbol.asyncDispose]();
  });

  async function reaches(from: string, address: string): Promise<boolean> {
    const { stdout } = await daemon.run(['exec', from, 'nc', '-w', '3', address, '8080'], { timeoutMs: 30_000 });
    return stdout.startsWith('from ');
  }

  async function everyoneReachesEveryone(): Promise<void> {
    for (const name of names) await until(`${name} reaches the outside`, 30_000, () => reaches(name, outside.address));
    for (const [from, to] of [names, names.toReversed()] as Array<[string, string]>) {
      const address = (await daemon.inspect(to)).NetworkSettings.Networks.bridge?.IPAddress ?? '';
      const { stdout } = await daemon.run(['exec', from, 'ping', '-c', '1', '-W', '10', address]);
      assert.match(stdout, / 0% packet loss/, `${from} reaches ${to}`);
    }
  }

  async function exceptions(): Promise<string[]> {
    const { stdout } = await run('nft', ['list', 'chain', 'ip', 'filter', 'DOCKER-USER']);
    return stdout.split('\n').filter((line) => line.includes(`"abode:${daemon.bridge}"`));
  }

  test('containers and VMs reach the outside and each other', everyoneReachesEveryone);

  test('what comes from outside appears with an address of the host', async () => {
    const { stdout } = await daemon.run(['exec', 'container', 'nc', '-w', '3', outside.address, '8080']);
    assert.equal(stdout, `from ${outside.address.replace(/\.2$/, '.1')}\n`);
  });

  test('after Docker made its chain anew the exceptions come back, each once', async () => {
    assert.equal((await exceptions()).length, 2);
    // What a restart of Docker does; the other daemons of this machine put their own exceptions back as well.
    await run('nft', ['flush', 'chain', 'ip', 'filter', 'DOCKER-USER']);
    await run('nft', ['add', 'rule', 'ip', 'filter', 'DOCKER-USER', 'counter', 'return']);
    await until('the exceptions are back', 20_000, async () => (await exceptions()).length === 2);
    await everyoneReachesEveryone();
    assert.equal((await exceptions()).length, 2);
  });

  test('a daemon that starts after Docker puts them in place', async () => {
    await daemon.kill();
    const { stdout } = await run('nft', ['-a', 'list', 'chain', 'ip', 'filter', 'DOCKER-USER']);
    for (const [, handle = ''] of stdout.matchAll(new RegExp(`"abode:${daemon.bridge}" # handle (\\d+)`, 'g')))
      await run('nft', ['delete', 'rule', 'ip', 'filter', 'DOCKER-USER', 'handle', handle]);
    assert.deepEqual(await exceptions(), []);
    // Without them Docker's policy drops what the container sends: what follows can fail.
    const { pid } = JSON.parse((await run('sh', ['-c', `cat ${daemon.runDir}/c/*/init.pid | head -1 | sed 's/.*/{"pid":&}/'`])).stdout) as {
      pid: number;
    };
    await assert.rejects(
      run('nsenter', ['--net', '--target', String(pid), 'timeout', '5', 'bash', '-c', `exec 3<>/dev/tcp/${outside.address}/8080`]),
    );
    await daemon.startAgain();
    await until('the exceptions are there', 20_000, async () => (await exceptions()).length === 2);
    await everyoneReachesEveryone();
  });
});
