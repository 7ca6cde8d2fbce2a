/** The metrics of what runs, read as Prometheus reads them. */
import assert from 'node:assert/strict';
import { type Parsed, parseExposition, valueOf } from '../../src/metrics/exposition-fixture.ts';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import type { RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const { behaviour, once } = conformance();

async function scrape(daemon: RobustDaemon): Promise<Map<string, Parsed>> {
  return parseExposition(await daemon.call('GET', '/metrics'));
}

/** The isolation's label of a test's isolation. */
const isolationOf = (subject: Subject): string => subject.isolation.name;

behaviour('CPU time, memory, processes and network are those of the container', async (subject) => {
  const id = await subject.background(['-m', '96m', '--pids-limit', '50'], 'sh', '-c', 'sleep 1000 & sleep 1000 & echo up; wait');
  await subject.logged('up');
  const read = async (family: string, labels: Record<string, string> = {}): Promise<number> =>
    valueOf(await scrape(subject.daemon), `abode_container_${family}`, {
      id,
      name: subject.name,
      isolation: isolationOf(subject),
      ...labels,
    });
  assert.equal(await read('memory_limit_bytes'), 96 << 20);
  assert.equal(await read('pids'), 3);
  assert.equal(await read('pids_limit'), 50);
  assert.equal(await read('restarts_total'), 0);
  assert.ok(Math.abs((await read('start_time_seconds')) - Date.now() / 1000) < 300);
  const before = { cpu: await read('cpu_seconds_total'), memory: await read('memory_usage_bytes') };
  const received = await read('network_receive_bytes_total', { interface: 'eth0' });
  const gateway = await subject.inspect('{{.NetworkSettings.Gateway}}');
  const work = `dd if=/dev/zero of=/dev/shm/x bs=1M count=24 2>/dev/null; timeout 2 sh -c 'while :; do :; done'; ping -c 5 -i 0.2 -s 1000 ${gateway} > /dev/null`;
  const done = await subject.exec([], 'sh', '-c', work);
  assert.equal(done.code, 0, done.stderr);
  const growth = { cpu: (await read('cpu_seconds_total')) - before.cpu, memory: (await read('memory_usage_bytes')) - before.memory };
  assert.ok(growth.cpu > 0.2 && growth.cpu < 60, `it worked for two seconds on a busy machine: ${String(growth.cpu)}`);
  assert.ok(growth.memory > 20 << 20 && growth.memory < 80 << 20, String(growth.memory));
  assert.ok((await read('memory_working_set_bytes')) <= (await read('memory_usage_bytes')));
  assert.ok((await read('network_receive_bytes_total', { interface: 'eth0' })) - received > 5000);
  assert.ok((await read('network_transmit_bytes_total', { interface: 'eth0' })) > 5000);
  assert.ok((await read('network_transmit_packets_total', { interface: 'eth0' })) >= 5);
  assert.equal(valueOf(await scrape(subject.daemon), 'abode_containers_without_figures'), 0);
});

behaviour('what a VM costs the host is told apart; a container has none of it', async (subject) => {
  const id = await subject.background([], 'sleep', '1000');
  await subject.exec([], 'sh', '-c', `dd if=/dev/zero of=/x bs=1M count=8 conv=fsync 2>/dev/null; timeout 2 sh -c 'while :; do :; done'`);
  const families = await scrape(subject.daemon);
  const vms = [...families].filter(([name]) => name.startsWith('abode_vm_') && !/_(template|pool)_/.test(name));
  if (isolationOf(subject) === 'container') {
    for (const [name, { samples }] of vms)
      assert.ok(
        samples.every(({ labels }) => labels['id'] !== id),
        name,
      );
    return;
  }
  const own = isolationOf(subject) === 'vm';
  const labels = own ? { vm: subject.name, id, shared: 'false' } : { vm: 'conf', shared: 'true' };
  const read = (family: string, more: Record<string, string> = {}): number =>
    valueOf(families, `abode_vm_${family}`, { ...labels, ...more });
  const inside = valueOf(families, 'abode_container_cpu_seconds_total', { id });
  const outside = read('cpu_seconds_total', { mode: 'user' }) + read('cpu_seconds_total', { mode: 'system' });
  assert.ok(outside >= inside * 0.8, `QEMU's time has the guest's in it: ${String(outside)}, ${String(inside)}`);
  assert.ok(read('memory_bytes', { process: 'qemu' }) > 10 << 20);
  assert.ok(read('memory_bytes', { process: 'shim' }) > 10_000);
  assert.ok(read('machine_memory_bytes') >= 64 << 20 && read('machine_cpus') >= 1 && read('threads') >= 2);
  assert.ok(read('network_receive_bytes_total') >= 0 && read('network_transmit_bytes_total') > 0);
  assert.ok(read('block_write_bytes_total') >= 4 << 20, String(read('block_write_bytes_total')));
});

behaviour('a paused container does not hold up the page', async (subject) => {
  const id = await subject.background([], 'sleep', '1000');
  await subject.docker('pause', subject.name);
  const families = await scrape(subject.daemon);
  assert.equal(valueOf(families, 'abode_containers', { isolation: isolationOf(subject), state: 'paused' }), 1);
  assert.equal(valueOf(families, 'abode_container_pids', { id }), 1);
  await subject.docker('unpause', subject.name);
});

behaviour('starts, failures, states and events are counted', async (subject) => {
  const labels = { isolation: isolationOf(subject) };
  const count = async (family: string, more: Record<string, string>, suffix = ''): Promise<number> => {
    const families = await scrape(subject.daemon);
    const found = families
      .get(family)
      ?.samples.some((sample) => Object.entries(more).every(([key, value]) => sample.labels[key] === value));
    return found === true ? valueOf(families, family, more, suffix) : 0;
  };
  const starts = (): Promise<number> => count('abode_container_start_duration_seconds', labels, '_count');
  const failures = (): Promise<number> => count('abode_container_start_failures_total', labels);
  const created = (): Promise<number> => count('abode_events_total', { type: 'container', action: 'create' });
  const execs = (): Promise<number> => count('abode_events_total', { type: 'container', action: 'exec_start' });
  const before = [await starts(), await failures(), await created(), await execs()] as const;
  await subject.background([], 'sleep', '1000');
  await subject.exec([], 'true');
  assert.notEqual((await subject.run([], '/no/such/command')).code, 0);
  assert.deepEqual(
    [await starts(), await failures(), await created(), await execs()],
    [before[0] + 1, before[1] + 1, before[2] + 2, before[3] + 1],
  );
  const states = await scrape(subject.daemon);
  assert.equal(valueOf(states, 'abode_containers', { ...labels, state: 'running' }), 1);
  await subject.docker('stop', '-t', '0', subject.name);
  await until('it is counted as exited', 30_000, async () => (await count('abode_containers', { ...labels, state: 'exited' })) === 1);
  const gone = await scrape(subject.daemon);
  assert.ok(!(gone.get('abode_container_cpu_seconds_total')?.samples ?? []).some(({ labels: { name } }) => name === subject.name));
});

once('the engine tells of itself', async (daemon) => {
  const families = await scrape(daemon);
  const info = families.get('abode_engine_info')?.samples[0];
  assert.equal(info?.labels['version'], (JSON.parse(await daemon.call('GET', '/version')) as { Version: string }).Version);
  const images = (JSON.parse(await daemon.call('GET', '/images/json')) as unknown[]).length;
  assert.equal(valueOf(families, 'abode_images'), images);
  assert.equal(valueOf(families, 'abode_shared_vms', { state: 'running' }), 1);
  assert.ok(valueOf(families, 'abode_vm_template_bytes') > 1e6, 'the VMs of other tests left a template');
  assert.ok(valueOf(families, 'abode_api_requests_total', { method: 'GET', route: '/_ping', code: '200' }) >= 1);
});
