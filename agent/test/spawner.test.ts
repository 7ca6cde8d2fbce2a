import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentConnection } from '../../src/agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType } from '../../src/agent-client/frame.ts';
import { connectSpawner, spawnShim } from '../../src/sandbox/shim-spawner.ts';
import { endShim, Shim } from '../../src/sandbox/shim.ts';
import { agentPath, until } from './shim-fixture.ts';

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-spawner-'));
  try {
    await body(directory);
  } finally {
    await endShim(directory);
    await rm(directory, { recursive: true, force: true });
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]);
}

void test('a shim is not this process’s child, and shows what it serves', () =>
  inDirectory(async (directory) => {
    const shim = await Shim.spawn(agentPath, directory);
    const pid = await shim.pid();
    assert.notEqual(parentOf(pid), process.pid);
    assert.equal(readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8'), `${agentPath}\0shim\0${directory}\0`);
    shim.disconnect();
  }));

void test('a shim outlives what started it, which is begun again', () =>
  inDirectory(async (directory) => {
    const first = join(directory, 'first');
    const shim = await Shim.spawn(agentPath, first);
    const pid = await shim.pid();
    const spawner = parentOf(pid);
    const connection = connectSpawner(agentPath);
    process.kill(spawner, 'SIGKILL');
    await until(() => parentOf(pid) !== spawner, 'the end of the spawner');
    assert.equal(await shim.pid(), pid);
    await until(() => connection.closed, 'news of it');
    const second = await Shim.spawn(agentPath, join(directory, 'second'));
    assert.notEqual(await second.pid(), pid);
    for (const name of ['first', 'second']) await endShim(join(directory, name));
  }));

void test('an ephemeral shim ends with its first client', () =>
  inDirectory(async (directory) => {
    const shim = await Shim.spawn(agentPath, directory, { ephemeral: true });
    const other = await AgentConnection.open(join(directory, 'shim.sock'));
    const pid = await shim.pid();
    other.close();
    assert.equal(await shim.pid(), pid);
    shim.disconnect();
    await until(() => !existsSync(`/proc/${String(pid)}`), 'the end of the shim');
  }));

for (const ephemeral of [true, false])
  void test(`${ephemeral ? 'an ephemeral' : 'a'} shim that nobody connects to ends`, { timeout: 60_000 }, () =>
    inDirectory(async (directory) => {
      await spawnShim(agentPath, directory, ephemeral);
      const socket = join(directory, 'shim.sock');
      assert.ok(existsSync(socket));
      await until(() => !existsSync(socket), 'the end of the shim');
    }),
  );

void test('a shim whose client left before anything was started in it ends', { timeout: 60_000 }, () =>
  inDirectory(async (directory) => {
    const shim = await Shim.spawn(agentPath, directory);
    const pid = await shim.pid();
    shim.disconnect();
    await until(() => !existsSync(`/proc/${String(pid)}`), 'the end of the shim');
  }),
);

void test('a place without a directory is an error with its name', async () => {
  await assert.rejects(
    spawnShim(agentPath, '/nowhere/at/all', false),
    /could not be started: listen on \/nowhere\/at\/all\/shim\.sock: No such file/,
  );
});

void test('a program that is not there is an error', async () => {
  await assert.rejects(spawnShim('/nowhere/agent', '/tmp', false), /the shim \/nowhere\/agent could not be started/);
});

void test('what is no request to a spawner is refused, and the next is served', async () => {
  const spawner = connectSpawner(agentPath);
  await assert.rejects(spawner.request(FrameType.STATE), { agentCode: 'unsupported' });
  await assert.rejects(spawner.request(FrameType.SPAWN_SHIM), /without PATH/);
  await assert.rejects(spawner.request(FrameType.SPAWN_SHIM, new FieldsBuilder().add(Tag.PATH, `/${'x'.repeat(200)}`)), /too long/);
});
