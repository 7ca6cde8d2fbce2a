/** Published ports over the deaths of the daemon, of the port keeper, and of the rules. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { freePorts } from '../fixtures/free-port.ts';
import { ask, Outside } from '../fixtures/outside.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { pause, until } from '../fixtures/until.ts';

const run = promisify(execFile);

const KINDS = [
  { name: 'container', runtime: [] },
  { name: 'vm', runtime: ['--runtime', 'vm'] },
  { name: 'hybrid', runtime: ['--runtime', 'vm:ports'] },
] as const;

describe('published ports', { skip: cannotRun, timeout: 300_000 }, () => {
  const outside = new Outside();
  const ports = new Map<string, number>();
  let daemon: RobustDaemon;

  before(async () => {
    await outside.make();
    daemon = await RobustDaemon.start();
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
    await outside[Symbol.asyncDispose]();
  });

  async function serve(name: string, options: readonly string[]): Promise<void> {
    const port = await freePorts();
    ports.set(name, port);
    const script = `mkdir /w; echo ${name} > /w/index.html; httpd -p 80 -h /w; sleep 1000`;
    await daemon.docker('run', '-d', '--name', name, '-p', `${String(port)}:80`, ...options, 'abode/base', 'sh', '-c', script);
    await until(`${name} serves`, 60_000, async () => (await ask('tcp', '127.0.0.1', ports.get(name) ?? 0)) === name);
  }

  async function answers(name: string): Promise<string[]> {
    const port = ports.get(name) ?? 0;
    return Promise.all([outside.ask('tcp', outside.hostAddress, port), ask('tcp', '127.0.0.1', port), ask('tcp', '::1', port)]);
  }

  const everyWay = (name: string): string[] => [name, name, name];
  const noWay = ['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED'];

  test('lead to their containers while the daemon is dead, and after', async () => {
    for (const { name, runtime } of KINDS) await serve(name, runtime);
    const [keeper] = daemon.helpers();
    await daemon.kill();
    for (const { name } of KINDS) assert.deepEqual(await answers(name), everyWay(name));
    await daemon.startAgain();
    assert.deepEqual(daemon.helpers(), [keeper], 'the next daemon talks to the same keeper');
    for (const { name } of KINDS) assert.deepEqual(await answers(name), everyWay(name));
    const refused = await daemon.run(['run', '--rm', '-p', `${String(ports.get('vm'))}:80`, 'abode/base', 'true']);
    assert.match(refused.stderr, /port is already allocated/);
  });

  test('are held again when the keeper was killed', async () => {
    const [keeper = 0] = daemon.helpers();
    process.kill(keeper, 'SIGKILL');
    for (const { name } of KINDS) {
      await until(`${name} is reached by the loopback again`, 30_000, async () => (await answers(name)).join() === everyWay(name).join());
    }
    assert.equal(daemon.helpers().length, 1);
  });

  test('are held again by the next daemon when both died', async () => {
    const [keeper = 0] = daemon.helpers();
    await daemon.kill();
    process.kill(keeper, 'SIGKILL');
    for (const { name } of KINDS) assert.equal((await answers(name))[0], name, 'what the kernel translates goes on');
    await daemon.startAgain();
    for (const { name } of KINDS) assert.deepEqual(await answers(name), everyWay(name));
  });

  test('are relayed when somebody flushed the rules, and translated again with the next change', async () => {
    const table = daemon.bridge.replaceAll('-', '_');
    await run('nft', ['delete', 'table', 'ip', table]);
    assert.deepEqual(await answers('container'), everyWay('container'));
    await serve('another', []);
    const { stdout } = await run('nft', ['list', 'map', 'ip', table, 'published']);
    for (const port of ports.values()) assert.match(stdout, new RegExp(`tcp \\. ${String(port)} :`));
    await daemon.docker('rm', '-f', 'another');
    assert.deepEqual(await answers('another'), noWay);
  });

  test('are let go of when the container ended while no daemon was there', async () => {
    await daemon.kill();
    const { stdout } = await run('sh', ['-c', `cat ${daemon.runDir}/c/*/init.pid`]);
    process.kill(Number(stdout.trim().split(/\s/)[0]), 'SIGKILL');
    await daemon.startAgain();
    await daemon.ended('container');
    await until('its port is free', 10_000, async () => (await answers('container')).join() === noWay.join());
    for (const name of ['vm', 'hybrid']) assert.deepEqual(await answers(name), everyWay(name));
  });

  test('of starts that were cut short are held for what runs, and for nothing else', async () => {
    const first = await freePorts(6);
    for (let round = 0; round < 6; round += 1) {
      const port = first + round;
      const name = `short${String(round)}`;
      ports.set(name, port);
      const script = `mkdir /w; echo ${name} > /w/index.html; httpd -f -p 80 -h /w`;
      const starting = daemon.run(['run', '-d', '--name', name, '-p', `${String(port)}:80`, 'abode/base', 'sh', '-c', script]);
      await pause(20 + 20 * round);
      await daemon.kill();
      await starting;
      await daemon.startAgain();
      const running = (await daemon.docker('ps', '--filter', `name=${name}`, '--format', '{{.Names}}')) === name;
      const expected = running ? everyWay(name) : noWay;
      await until(`${name} is as ps says: ${String(running)}`, 30_000, async () => (await answers(name)).join() === expected.join());
      const { code, stderr } = await daemon.run(['run', '--rm', '-p', `${String(port)}:80`, 'abode/base', 'true']);
      assert.equal(code === 0, !running, stderr);
    }
  });

  test('are gone with their containers, and the keeper with the daemon', async () => {
    await daemon.removeAll();
    for (const name of ports.keys()) assert.deepEqual(await answers(name), noWay);
    assert.equal(daemon.helpers().length, 1);
    await daemon.removeVms();
    await daemon.stop();
    assert.deepEqual(daemon.helpers(), []);
    assert.ok(!existsSync(`${daemon.runDir}/ports.sock`));
  });
});
