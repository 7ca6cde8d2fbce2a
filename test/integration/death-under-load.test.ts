/** The daemon dies in the middle of much that is asked at once: what clients were told holds, and what they were not told is whole or absent. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { pack } from 'tar-stream';
import { DockerClient } from '../../src/docker-client/client.ts';
import { EngineError } from '../../src/docker-client/errors.ts';
import { ISOLATIONS } from '../fixtures/isolations.ts';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { pause, until } from '../fixtures/until.ts';

const IMAGE = 'abode/base';
const CLIENTS = 5;
const KILLS = 3;

describe('the daemon is killed under load', { skip: cannotRun, timeout: 900_000 }, () => {
  let daemon: RobustDaemon;
  const ids = new Set<string>();

  before(async () => {
    daemon = await RobustDaemon.startWithTemplates();
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  /** Between the kills clients get so much done. */
  async function killAndStart(delayMs: number): Promise<void> {
    await pause(delayMs);
    await daemon.kill();
    await daemon.startAgain();
  }

  async function run(name: string, options: readonly string[], ...command: readonly string[]): Promise<void> {
    ids.add(await daemon.docker('run', '-d', '--name', name, ...options, IMAGE, ...command));
  }

  test('create, start and remove by several clients', async () => {
    const told = { created: new Map<string, string>(), started: new Set<string>(), removed: new Set<string>() };
    const asked = { created: new Set<string>(), removed: new Set<string>() };
    const refused: string[] = [];
    let over = false;
    const client = new DockerClient(daemon.socket);
    /** Undefined: nobody knows whether it happened. */
    const ask = async <T>(action: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await action();
      } catch (error) {
        if (error instanceof EngineError) refused.push(error.message);
        await until('the daemon is back', 60_000, () => client.ping().then(...[() => true, () => false]));
        return undefined;
      }
    };
    const work = async (own: number): Promise<void> => {
      for (let number = 0; !over; number += 1) {
        const name = `load-${String(own)}-${String(number)}`;
        asked.created.add(name);
        const body = { Image: IMAGE, Cmd: ['sleep', '1000'], HostConfig: own === 0 ? { Runtime: 'vm' } : {} };
        const answer = await ask(() => client.transport.call('POST', '/containers/create', { query: { name }, body }));
        if (answer === undefined) continue;
        const { Id: id } = answer as { Id: string };
        told.created.set(id, name);
        if ((await ask(() => client.start(id).then(() => true))) === true) told.started.add(id);
        if (number % 3 === 0) continue; // stays
        asked.removed.add(id);
        if ((await ask(() => client.remove(id, { force: true }).then(() => true))) === true) told.removed.add(id);
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, own) => work(own));
    for (let kill = 0; kill < KILLS; kill += 1) await killAndStart(700 + 450 * kill);
    await pause(500);
    over = true;
    await Promise.all(clients);

    const listed = (await client.transport.call('GET', '/containers/json', { query: { all: '1' } })) as Array<{
      Id: string;
      Names: [string];
      State: string;
    }>;
    const present = new Map(listed.map(({ Id, Names, State }) => [Id, { name: Names[0].slice(1), state: State }]));
    assert.deepEqual(refused, [], 'whoever is answered gets what he asked for');
    assert.ok(told.started.size > 2 * CLIENTS && told.removed.size > CLIENTS, `the clients got little done: ${String(told.started.size)}`);
    for (const [id, name] of told.created) {
      if (told.removed.has(id)) assert.ok(!present.has(id), `${name} was removed, and is there`);
      else if (!asked.removed.has(id)) {
        assert.equal(present.get(id)?.name, name, `${name} was created, and is not there`);
        if (told.started.has(id)) assert.equal(present.get(id)?.state, 'running', `${name} was started`);
      }
    }
    for (const { name, state } of present.values()) {
      assert.ok(asked.created.has(name), `${name} was asked for`);
      assert.match(state, /^(created|running)$/, `${name} has not ended:\n${await daemon.log()}`);
    }
    assert.equal(new Set([...present.values()].map(({ name }) => name)).size, present.size);
    assert.deepEqual(daemon.idsOnDisk().toSorted(), [...present.keys()].toSorted(), 'what is on disk is what is listed');
    // What nobody was told of works as any other.
    for (const [id, { state }] of present) {
      if (state === 'created') await client.start(id);
      await client.remove(id, { force: true });
    }
    for (const id of [...told.created.keys(), ...present.keys()]) ids.add(id);
  });

  for (const { name: isolation, options } of ISOLATIONS) {
    test(`${isolation}: execs`, async () => {
      const name = `execs-${isolation}`;
      await run(name, options, 'sleep', '1000');
      const told: number[] = [];
      let next = 0;
      let over = false;
      const clients = Array.from({ length: 3 }, async () => {
        while (!over) {
          next += 1;
          const own = next;
          const { code } = await daemon.run(['exec', name, 'sh', '-c', `echo ${String(own)} >> /done`]);
          if (code === 0) told.push(own);
          else await pause(200);
        }
      });
      await killAndStart(1000);
      const untilThen = told.length;
      await until('execs go on', 60_000, () => told.length > untilThen + 3);
      over = true;
      await Promise.all(clients);
      assert.ok(untilThen > 0, 'execs were made before the kill');
      const done = (await daemon.docker('exec', name, 'cat', '/done')).split('\n').map(Number);
      assert.equal(new Set(done).size, done.length, 'none ran twice');
      assert.deepEqual(
        told.filter((own) => !done.includes(own)),
        [],
        'what ended well has run',
      );
      await until('no exec is left', 30_000, async () => (await daemon.docker('top', name)).split('\n').length === 2);
      await daemon.docker('rm', '-f', name);
    });

    test(`${isolation}: a log that grows as fast as it can`, async () => {
      const name = `logs-${isolation}`;
      const lines = isolation === 'container' ? 1_500_000 : 300_000;
      await run(name, options, 'seq', '1', String(lines));
      const following = daemon.spawn('logs', '-f', name);
      following.stdout?.resume();
      await until('lines are logged', 60_000, async () => (await daemon.docker('logs', '--tail', '1', name)) !== '');
      await daemon.kill();
      await pause(300);
      await daemon.startAgain();
      assert.equal((await daemon.ended(name, 120_000)).State.ExitCode, 0);
      const logged = await daemon.docker('logs', name);
      assert.equal(digest(logged), digest(Array.from({ length: lines }, (_, index) => String(index + 1)).join('\n')), wrong(logged, lines));
      await daemon.docker('rm', name);
    });

    test(`${isolation}: an attached client that talks`, async () => {
      const name = `attach-${isolation}`;
      await run(name, ['-i', ...options], 'sh', '-c', 'while read line; do echo got $line; done');
      const first = talk(daemon.spawn('attach', '--sig-proxy=false', name));
      for (let number = 0; number < 20; number += 1) first.say(`a${String(number)}`);
      await until('it answers', 60_000, () => first.heard().includes('got a3\n'));
      await daemon.kill();
      first.say('lost');
      await first.closed;
      await daemon.startAgain();
      const second = talk(daemon.spawn('attach', '--sig-proxy=false', name));
      for (let number = 0; number < 20; number += 1) second.say(`b${String(number)}`);
      await until('it answers the second', 60_000, () => second.heard().includes('got b19\n'));
      const logged = (await daemon.docker('logs', name)).split('\n');
      assert.equal(new Set(logged).size, logged.length, 'nothing came twice');
      const [from, of] = [
        (prefix: string) => logged.filter((line) => line.startsWith(`got ${prefix}`)),
        (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `got ${prefix}${String(index)}`),
      ];
      assert.deepEqual(from('a'), of('a', from('a').length), 'in order, up to where it broke off');
      for (const line of first.heard().trimEnd().split('\n')) assert.ok(logged.includes(line), `${line} was heard and is in the log`);
      assert.deepEqual(from('b'), of('b', 20));
      assert.equal(logged.includes('got lost'), false);
      await daemon.docker('rm', '-f', name);
      await second.closed;
    });

    test(`${isolation}: copies in and out`, async () => {
      const name = `copies-${isolation}`;
      await run(name, options, 'sleep', '1000');
      const size = 12_000_000;
      const content = Buffer.alloc(size, 'some content of a file\n');
      const archive = await tarOf('file', content);

      const into = talk(daemon.spawn('cp', '-', `${name}:/tmp`));
      into.say(archive.subarray(0, size / 2));
      await until('it has come in part', 60_000, async () => (await daemon.run(['exec', name, 'sh', '-c', 'ls -A /tmp'])).stdout !== '');
      await daemon.kill();
      into.say(archive.subarray(size / 2));
      into.end();
      assert.notEqual(await into.closed, 0, 'the client is told that its copy was cut short');
      await daemon.startAgain();
      const again = talk(daemon.spawn('cp', '-', `${name}:/tmp`));
      again.say(archive);
      again.end();
      assert.equal(await again.closed, 0);
      const sum = createHash('sha256').update(content).digest('hex');
      assert.equal((await daemon.docker('exec', name, 'sha256sum', '/tmp/file')).split(' ')[0], sum);
      assert.equal(await daemon.docker('exec', name, 'ls', '-A', '/tmp'), 'file', 'nothing else of either is left');

      const out = daemon.spawn('cp', `${name}:/tmp/file`, '-');
      const closed = once(out, 'close');
      assert.ok(out.stdout);
      await once(out.stdout, 'readable');
      await daemon.kill();
      out.stdout.resume();
      assert.notEqual((await closed)[0], 0, 'the client is told that it did not get all');
      await daemon.startAgain();
      await until('no copy is left at work', 30_000, async () => (await daemon.docker('top', name)).split('\n').length === 2);
      assert.equal((await daemon.docker('exec', name, 'sha256sum', '/tmp/file')).split(' ')[0], sum);
      await daemon.docker('rm', '-f', name);
    });
  }

  test('nothing leaks', async () => {
    await daemon.removeVms();
    const traces = {
      directory: daemon.directory,
      ids: [...ids],
      bridge: daemon.bridge,
      except: [daemon.pid, ...daemon.helpers()],
    };
    const look = async (): Promise<string[]> => (await leftovers(traces, false)).filter((line) => !line.includes('spawner'));
    await until('all is gone', 30_000, async () => (await look()).length === 0).catch(() => undefined);
    assert.deepEqual(await look(), []);
    assert.deepEqual(daemon.idsOnDisk(), []);
  });
});

interface Talk {
  readonly say: (text: string | Buffer) => void;
  readonly end: () => void;
  readonly heard: () => string;
  readonly closed: Promise<number | null>;
}

function talk(child: ChildProcess): Talk {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.stderr?.resume();
  child.stdin?.on('error', () => undefined); // one that has left hears nothing
  return {
    say: (words) => void child.stdin?.write(typeof words === 'string' ? `${words}\n` : words),
    end: () => void child.stdin?.end(),
    heard: () => text,
    closed: new Promise((resolve) => child.once('close', resolve)),
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Where a log of numbers first is not what it must be. */
function wrong(logged: string, lines: number): string {
  const numbers = logged.split('\n');
  const at = numbers.findIndex((number, index) => number !== String(index + 1));
  return `${String(numbers.length)} of ${String(lines)} lines; line ${String(at + 1)} is ${JSON.stringify(numbers[at])}`;
}

async function tarOf(name: string, content: Buffer): Promise<Buffer> {
  const stream = pack();
  stream.entry({ name }, content);
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
