/** A container's processes and what it uses, from outside: top and stats. */
import assert from 'node:assert/strict';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { until } from '../fixtures/until.ts';

const { behaviour } = conformance();

behaviour('top shows the processes of the container and nothing else', async (subject) => {
  await subject.background(['--init', '--user', '12345'], 'sh', '-c', 'sleep 1234; :');
  await subject.docker('exec', '-d', subject.name, 'sleep', '4321');
  const lines = await until('all processes are there', 60_000, async () => {
    const shown = (await subject.daemon.docker('top', subject.name)).split('\n');
    return shown.length === 5 ? shown : undefined;
  });
  assert.match(lines[0] ?? '', /^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
  const commands = lines.slice(1).map((line) => line.split(/ {2,}/).at(-1)?.trim());
  for (const command of ['sh -c sleep 1234; :', 'sleep 1234', 'sleep 4321'])
    assert.ok(commands.includes(command), `${command}: ${lines.join('\n')}`);
  // Who runs the init itself is another matter.
  assert.ok(lines.filter((line) => line.startsWith('12345 ')).length >= 3, lines.join('\n'));
});

behaviour('top takes the options of ps', async (subject) => {
  await subject.background([], 'sleep', '1234');
  const asked = async (...words: readonly string[]): Promise<string[][]> =>
    (await subject.daemon.docker('top', subject.name, ...words)).split('\n').map((line) => line.trim().split(/ {2,}/));
  const [titles, process] = await asked('-o', 'pid,comm,args=WHAT');
  assert.deepEqual(titles, ['PID', 'COMMAND', 'WHAT']);
  assert.deepEqual(process?.slice(1), ['sleep', 'sleep 1234']);
  const [wide = []] = await asked('aux');
  assert.deepEqual(wide, ['USER', 'PID', '%CPU', '%MEM', 'VSZ', 'RSS', 'TTY', 'STAT', 'START', 'TIME', 'COMMAND']);
  const without = await subject.docker('top', subject.name, '-o', 'comm');
  assert.deepEqual([without.code, without.stderr], [1, "Error response from daemon: Couldn't find PID field in ps output\n"]);
});

behaviour('top of a container that does not run', async (subject) => {
  const id = await subject.create([], 'true');
  const { code, stderr } = await subject.docker('top', subject.name);
  assert.deepEqual([code, stderr], [1, `Error response from daemon: Container ${id} is not running\n`]);
});

interface Stats {
  readonly read: string;
  readonly preread: string;
  readonly pids_stats: { readonly current?: number; readonly limit?: number };
  readonly cpu_stats: {
    readonly cpu_usage: { readonly total_usage: number };
    readonly system_cpu_usage?: number;
    readonly online_cpus?: number;
  };
  readonly precpu_stats: Stats['cpu_stats'];
  readonly memory_stats: { readonly usage?: number; readonly limit?: number };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly vm?: {
    readonly memory_stats: { readonly usage: number; readonly qemu: number };
    readonly cpu_usage: { readonly total_usage: number };
  };
}

async function oneShot(subject: Subject): Promise<Stats> {
  return JSON.parse(await subject.daemon.call('GET', `/v1.41/containers/${subject.name}/stats?stream=0&one-shot=1`)) as Stats;
}

behaviour('stats tell processors, memory and its limit, processes, network', async (subject) => {
  const work =
    'x=$(head -c 8000000 /dev/zero | tr "\\0" x); ping -c 2 -w 5 -s 1000 $(ip route | sed -n "s/default via \\([0-9.]*\\).*/\\1/p") >/dev/null; echo ready; while :; do :; done';
  await subject.background(['-m', '128m', '--pids-limit', '50'], 'sh', '-c', work);
  await subject.logged('ready');
  const stats = JSON.parse(await subject.daemon.call('GET', `/v1.41/containers/${subject.name}/stats?stream=0`)) as Stats;
  assert.ok(Date.parse(stats.read) > Date.parse(stats.preread));
  const used = stats.cpu_stats.cpu_usage.total_usage - stats.precpu_stats.cpu_usage.total_usage;
  const all = (stats.cpu_stats.system_cpu_usage ?? 0) - (stats.precpu_stats.system_cpu_usage ?? 0);
  assert.ok(used > 0 && all > 0, `${String(used)} of ${String(all)}`);
  // The clocks of a group and of the machine are read one after the other.
  assert.ok(used < 1.5 * all, `${String(used)} of ${String(all)}`);
  assert.equal(stats.memory_stats.limit, 128 << 20);
  assert.ok((stats.memory_stats.usage ?? 0) > 8_000_000 && (stats.memory_stats.usage ?? 0) < 128 << 20, JSON.stringify(stats.memory_stats));
  assert.deepEqual(stats.pids_stats, { current: 1, limit: 50 });
  assert.deepEqual(Object.keys(stats.networks ?? {}), ['eth0']);
  assert.ok((stats.networks?.['eth0']?.tx_bytes ?? 0) > 1000, JSON.stringify(stats.networks));
  if (subject.isolation.name === 'container') assert.equal(stats.vm, undefined);
  else {
    // What QEMU takes: more than the container, which is in it.
    assert.ok((stats.vm?.memory_stats.qemu ?? 0) > 8_000_000, JSON.stringify(stats.vm));
    assert.ok((stats.vm?.cpu_usage.total_usage ?? 0) > 0);
  }
});

behaviour('the client draws stats of running containers, once and as they come', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const line = await subject.daemon.docker('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}} {{.MemUsage}}', subject.name);
  assert.match(line, new RegExp(`^${subject.name} 1 [0-9.]+[KM]?i?B / [0-9.]+GiB$|^${subject.name} 1 [0-9.]+[KM]?i?B / [0-9.]+MiB$`));
  const client = subject.daemon.spawn('stats', '--format', '{{.Name}} {{.PIDs}}', subject.name);
  let seen = '';
  client.stdout?.on('data', (data: Buffer) => (seen += data.toString()));
  await until('several samples came', 60_000, async () => Promise.resolve(seen.split(`${subject.name} 1`).length > 3));
  client.kill('SIGKILL');
});

behaviour('stats of what does not run are zeros, and a stream of it ends with its removal', async (subject) => {
  await subject.create([], 'true');
  const stats = await oneShot(subject);
  assert.deepEqual([stats.read, stats.cpu_stats.cpu_usage.total_usage, stats.memory_stats], ['0001-01-01T00:00:00Z', 0, {}]);
  const stream = subject.daemon.call('GET', `/containers/${subject.name}/stats`);
  await subject.daemon.docker('rm', subject.name);
  assert.ok((await stream).startsWith('{"read":"0001'));
});

behaviour('a paused container tells what it used', async (subject) => {
  await subject.background([], 'sh', '-c', 'x=$(head -c 4000000 /dev/zero | tr "\\0" x); echo ready; while :; do sleep 1; done');
  await subject.logged('ready');
  await subject.daemon.docker('pause', subject.name);
  const stats = await oneShot(subject);
  assert.ok((stats.memory_stats.usage ?? 0) > 4_000_000, JSON.stringify(stats.memory_stats));
  const top = await subject.docker('top', subject.name);
  if (subject.isolation.name === 'vm') assert.match(top.stderr, /is paused: its VM/);
  else assert.equal(top.code, 0);
  await subject.daemon.docker('unpause', subject.name);
  assert.equal((await subject.docker('top', subject.name)).code, 0);
});
