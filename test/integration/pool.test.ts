/** Machines of the pool: whose they are once they were taken, and what becomes of those that nobody took. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { leftovers } from '../fixtures/leftovers.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const VM = ['--runtime', 'vm'];

const commandOf = (pid: number): string => readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').replaceAll('\0', ' ');

function list(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** The QEMU below the shim of the one machine that waits. */
function waitingQemu(daemon: RobustDaemon): number | undefined {
  const [name] = list(join(daemon.runDir, 'p'));
  if (name === undefined) return undefined;
  const processes = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  const shim = processes.find(
    (pid) => existsSync(`/proc/${pid}/cmdline`) && commandOf(Number(pid)).includes(`shim ${join(daemon.runDir, 'p', name)}`),
  );
  if (shim === undefined) return undefined;
  const children = readFileSync(`/proc/${shim}/task/${shim}/children`, 'utf8').trim();
  return children === '' ? undefined : Number(children.split(' ')[0]);
}

/** A machine is ready when it is paused: its warm-up's exit was recorded and its QEMU uses no more processor time. */
async function filled(daemon: RobustDaemon): Promise<number> {
  let earlier = '';
  return until('the pool is filled', 120_000, () => {
    const qemu = waitingQemu(daemon);
    const [name = ''] = list(join(daemon.runDir, 'p'));
    if (qemu === undefined || !existsSync(join(daemon.runDir, 'p', name, 'warm-up.exit'))) return undefined;
    const used = readFileSync(`/proc/${String(qemu)}/stat`, 'utf8')
      .split(' ')
      .slice(13, 15)
      .join(' ');
    const idle = used === earlier;
    earlier = used;
    return idle ? qemu : undefined;
  });
}

describe('the pool', { skip: cannotRun, timeout: 600_000 }, () => {
  let daemon: RobustDaemon;
  before(async () => {
    daemon = await RobustDaemon.start('--pool', '1');
    await daemon.docker('run', '--rm', ...VM, 'abode/base', 'true');
    await filled(daemon);
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test('a machine of the pool is nobody before and its container alone afterwards', async () => {
    const seen: string[][] = [];
    for (const name of ['one', 'two']) {
      const waiting = await filled(daemon);
      await daemon.docker('run', '-d', '--name', name, ...VM, '-e', 'A=b', 'abode/base', 'sh', '-c', 'echo $$ $A; sleep 1000');
      const pid = Number(await daemon.docker('inspect', '-f', '{{.State.Pid}}', name));
      assert.equal(pid, waiting, 'the machine that waited was taken');
      const address = await daemon.docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', name);
      const mac = await daemon.docker('inspect', '-f', '{{.NetworkSettings.Networks.bridge.MacAddress}}', name);
      const card = await daemon.docker('exec', name, 'ip', 'addr', 'show', 'eth0');
      assert.deepEqual(card.match(/inet6? [0-9a-f.:]+/g), [`inet ${address}`], 'its own address and no other');
      assert.ok(card.includes(mac));
      assert.equal(await daemon.docker('logs', name), '1 b');
      assert.equal(
        await daemon.docker('exec', name, 'sh', '-c', 'find /bin /usr/bin -name agent | wc -l'),
        '0',
        'nothing of the warm-up’s image',
      );
      const clock = Number(await daemon.docker('exec', name, 'date', '+%s'));
      assert.ok(Math.abs(clock - Date.now() / 1000) < 5, 'its clock is the host’s');
      const random = await daemon.docker(
        'exec',
        name,
        'sh',
        '-c',
        'head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/boot_id',
      );
      seen.push(random.split('\n').map((line) => line.trim()));
    }
    const [one = [], two = []] = seen;
    for (const [index, line] of one.entries()) assert.notEqual(line, two[index]);
    await daemon.removeAll();
  });

  test('a machine that died while it waited is not taken, and nothing of it is left', async () => {
    const qemu = await filled(daemon);
    const [dead = ''] = list(join(daemon.runDir, 'p'));
    process.kill(qemu, 'SIGKILL');
    await until('the machine is gone', 10_000, () => (existsSync(`/proc/${String(qemu)}`) ? undefined : true));
    assert.equal(await daemon.docker('run', '--rm', ...VM, 'abode/base', 'echo', 'works'), 'works');
    await filled(daemon);
    assert.ok(!list(join(daemon.runDir, 'p')).includes(dead), 'its run directory');
    assert.ok(!list(join(daemon.root, 'vm/pool')).includes(dead), 'its disk');
  });

  test('what a killed daemon kept ready is ended by the next one', async () => {
    const qemu = await filled(daemon);
    await daemon.kill();
    await daemon.startAgain();
    assert.ok(!existsSync(`/proc/${String(qemu)}`), 'its QEMU');
    const traces = { directory: daemon.directory, bridge: daemon.bridge, ids: [], except: [daemon.pid] };
    assert.deepEqual(await leftovers(traces, false), []);
    assert.deepEqual([...list(join(daemon.runDir, 'p')), ...list(join(daemon.root, 'vm/pool'))], []);
  });

  test('a daemon that is stopped ends what it kept ready', async () => {
    await daemon.docker('run', '--rm', ...VM, 'abode/base', 'true');
    const qemu = await filled(daemon);
    await daemon.stop();
    assert.ok(!existsSync(`/proc/${String(qemu)}`), 'its QEMU');
    assert.deepEqual(await leftovers({ directory: daemon.directory, bridge: daemon.bridge, ids: [] }, true), []);
  });
});
