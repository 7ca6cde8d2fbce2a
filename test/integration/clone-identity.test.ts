/** Clones share memory, not identity: random numbers, clock, machine id, boot id, addresses. And without the reseed they would share them. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { DirectClones } from '../fixtures/direct-clones.ts';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';

const CLONES = 20;
const AT_ONCE = 4;

/** getrandom by way of /dev/urandom, which since Linux 5.18 is the same generator. */
const TELL =
  'head -c 16 /dev/urandom | od -An -v -tx1 | tr -d " \\n"; echo; date +%s; cat /proc/sys/kernel/random/boot_id; hostname; ip -o link show eth0; ip -o -4 addr show eth0';

interface Told {
  readonly name: string;
  readonly random: string;
  readonly bootId: string;
  readonly hostname: string;
  readonly mac: string;
  readonly address: string;
}

describe('the identity of clones', { skip: cannotRun, timeout: 600_000 }, () => {
  let daemon: RobustDaemon;
  before(async () => {
    daemon = await RobustDaemon.start();
    await daemon.docker('run', '--rm', '--runtime', 'vm', 'abode/base', 'true');
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  async function ask(index: number): Promise<Told> {
    const name = `clone-${String(index)}`;
    const from = Math.floor(Date.now() / 1000);
    const text = await daemon.docker('run', '--name', name, '--runtime', 'vm', 'abode/base', 'sh', '-c', TELL);
    const to = Math.ceil(Date.now() / 1000);
    const [random = '', clock = '', bootId = '', hostname = '', link = '', addr = ''] = text.split('\n');
    assert.match(random, /^[0-9a-f]{32}$/, text);
    assert.ok(
      Number(clock) >= from - 2 && Number(clock) <= to + 2,
      `${name}: its clock says ${clock}, the host's said ${String(from)} before and ${String(to)} after`,
    );
    return {
      name,
      random,
      bootId,
      hostname,
      mac: /link\/ether (\S+)/.exec(link)?.[1] ?? '',
      address: /inet ([\d.]+)/.exec(addr)?.[1] ?? '',
    };
  }

  test('twenty clones have nothing in common that names them', async () => {
    const told: Told[] = [];
    // Left in place, not removed: an address that was given back may be given out again.
    for (let from = 0; from < CLONES; from += AT_ONCE)
      told.push(...(await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => ask(from + index)))));
    for (const field of ['random', 'bootId', 'hostname', 'mac', 'address'] as const) {
      const values = told.map((clone) => clone[field]);
      assert.ok(
        values.every((value) => value !== ''),
        `${field} is told`,
      );
      assert.equal(new Set(values).size, CLONES, `${field} differs in every clone: ${values.join(' ')}`);
    }
    for (const { bootId } of told) assert.match(bootId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    await daemon.removeAll();
  });

  test('address and MAC inside are those that the engine tells', async () => {
    await daemon.docker('run', '-d', '--name', 'told', '--runtime', 'vm', 'abode/base', 'sleep', '1000');
    const network = (await daemon.inspect('told')).NetworkSettings.Networks.bridge;
    const seen = await daemon.docker('exec', 'told', 'sh', '-c', 'ip -o link show eth0; ip -o -4 addr show eth0');
    assert.ok(network !== undefined && network.IPAddress !== '' && network.MacAddress !== '');
    assert.ok(seen.includes(`link/ether ${network.MacAddress}`), seen);
    assert.ok(seen.includes(`inet ${network.IPAddress}/`), seen);
    await daemon.removeAll();
  });
});

describe('the reseed', { skip: cannotRun, timeout: 300_000 }, () => {
  for (const prepared of [false, true])
    test(`without it clones repeat each other; with it they do not${prepared ? ', those with a prepared container too' : ''}`, () =>
      repeatAndDiffer(prepared));
});

async function repeatAndDiffer(prepared: boolean): Promise<void> {
  await using clones = new DirectClones();
  await clones.prepare();
  const script = `head -c 16 /dev/urandom | od -An -v -tx1 | tr -d " \\n"; echo${prepared ? '' : '; cat /guest-machine-id; hostname'}`;
  const draw = async (memory: number, reseed: boolean): Promise<string> => {
    const machineId = randomBytes(16).toString('hex');
    const [random = '', ...names] = (await clones.ask({ machineId, hostname: `h-${machineId}`, reseed, script, memory, prepared }))
      .trimEnd()
      .split('\n');
    assert.match(random, /^[0-9a-f]{32}$/);
    if (!prepared) assert.deepEqual(names, [machineId, `h-${machineId}`], 'the agent gave the guest the names that it was told');
    return random;
  };
  // A guest's kernel reseeds itself by and by, so that a clone on a slow machine may be saved by luck; never twice the same by luck.
  let repeatedAt: number | undefined;
  const seen = new Set<string>();
  for (const memory of [512, 640, 768]) {
    for (let clone = 0; clone < 4 && repeatedAt === undefined; clone += 1) {
      const random = await draw(memory, false);
      if (seen.has(random)) repeatedAt = memory;
      seen.add(random);
    }
  }
  assert.ok(repeatedAt !== undefined, `clones that are not reseeded repeat each other: ${[...seen].join(' ')}`);
  for (let clone = 0; clone < 4; clone += 1) {
    const random = await draw(repeatedAt, true);
    assert.ok(!seen.has(random), `reseeded, they do not: ${random}`);
    seen.add(random);
  }
}
