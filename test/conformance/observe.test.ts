/** What the daemon tells of a container: inspect and events. */
import assert from 'node:assert/strict';
import { conformance } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

behaviour('one run: create, attach, start, die, destroy', async (subject) => {
  const since = String(Date.now() / 1000);
  await subject.run(['--name', subject.name], 'sh', '-c', 'exit 3');
  const told = await subject.daemon.docker(
    'events',
    '--since',
    since,
    '--until',
    String(Date.now() / 1000 + 0.001),
    '--filter',
    `container=${subject.name}`,
    '--format',
    '{{.Action}} {{.Actor.Attributes.exitCode}}',
  );
  assert.deepEqual(
    told
      .split('\n')
      .map((line) => line.replace(' <no value>', '').trim())
      .filter((line) => !line.startsWith('resize')),
    ['create', 'attach', 'start', 'die 3', 'destroy'],
  );
});

behaviour('a removal by force is no stop: kill, die, destroy', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const since = String(Date.now() / 1000);
  await subject.daemon.docker('rm', '-f', subject.name);
  const only = ['--filter', `container=${subject.name}`, '--format', '{{.Action}}'];
  const told = await subject.daemon.docker('events', '--since', since, '--until', String(Date.now() / 1000 + 0.05), ...only);
  assert.deepEqual(told.split('\n'), ['kill', 'die', 'destroy']);
});

behaviour('a stop: kill, die, stop', async (subject) => {
  await subject.background(['--init'], 'sleep', '1000');
  const since = String(Date.now() / 1000);
  await subject.daemon.docker('stop', '-t', '60', subject.name);
  const told = await subject.daemon.docker(
    'events',
    '--since',
    since,
    '--until',
    String(Date.now() / 1000 + 0.001),
    '--filter',
    `container=${subject.name}`,
    '--format',
    '{{.Action}} {{.Actor.Attributes.signal}} {{.Actor.Attributes.exitCode}}',
  );
  assert.deepEqual(
    told
      .replaceAll('<no value>', '-')
      .split('\n')
      .map((line) => line.trim().replaceAll(/\s+/g, ' ')),
    ['kill 15 -', 'die - 143', 'stop - -'],
  );
});

behaviour('an event tells of image, name and labels', async (subject) => {
  const since = String(Date.now() / 1000);
  const id = await subject.create(['--label', 'colour=blue'], 'true');
  const told = await subject.daemon.docker(
    'events',
    '--since',
    since,
    '--until',
    String(Date.now() / 1000 + 0.001),
    '--filter',
    'label=colour=blue',
    '--format',
    '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.image}} {{.Actor.Attributes.name}} {{.Actor.Attributes.colour}}',
  );
  assert.equal(told, `container create ${id} abode/base ${subject.name} blue`);
});

behaviour('inspect tells what was asked for', async (subject) => {
  const options = [
    '-e',
    'A=b',
    '-w',
    '/tmp',
    '-u',
    'abode',
    '--label',
    'l=v',
    '-m',
    '64m',
    '--cpus',
    '0.5',
    '--pids-limit',
    '99',
    '--cap-add',
    'SYS_TIME',
    '--cap-drop',
    'NET_RAW',
    '--read-only',
    '--tmpfs',
    '/t:size=1m',
    '--hostname',
    'me',
    '--stop-signal',
    'USR1',
    '--init',
  ];
  const id = await subject.create(options, 'sleep', '77');
  const [seen] = JSON.parse(await subject.daemon.docker('inspect', subject.name)) as [Record<string, unknown>];
  const { Config, HostConfig, ...rest } = seen as { Config: Record<string, unknown>; HostConfig: Record<string, unknown> } & Record<
    string,
    unknown
  >;
  assert.equal(rest['Id'], id);
  assert.equal(rest['Name'], `/${subject.name}`);
  assert.equal(rest['Path'], 'sleep');
  assert.deepEqual(rest['Args'], ['77']);
  assert.match(String(rest['Image']), /^sha256:[0-9a-f]{64}$/);
  assert.ok(Math.abs(Date.parse(String(rest['Created'])) - Date.now()) < 120_000);
  const config = {
    Hostname: 'me',
    User: 'abode',
    WorkingDir: '/tmp',
    Cmd: ['sleep', '77'],
    Image: 'abode/base',
    StopSignal: 'USR1',
    Tty: false,
  };
  for (const [field, value] of Object.entries(config)) assert.deepEqual(Config[field], value, field);
  assert.ok((Config['Env'] as string[]).includes('A=b'));
  assert.equal((Config['Labels'] as Record<string, string>)['l'], 'v');
  const host = {
    Memory: 64 << 20,
    NanoCpus: 5e8,
    PidsLimit: 99,
    ReadonlyRootfs: true,
    Tmpfs: { '/t': 'size=1m' },
    Init: true,
    Privileged: false,
    AutoRemove: false,
  };
  for (const [field, value] of Object.entries(host)) assert.deepEqual(HostConfig[field], value, field);
  // Newer clients put the prefix before they send them; it is told as it was sent.
  const capabilities = (field: string): string[] => (HostConfig[field] as string[]).map((name) => name.replace(/^CAP_/, ''));
  assert.deepEqual([capabilities('CapAdd'), capabilities('CapDrop')], [['SYS_TIME'], ['NET_RAW']]);
  const runtime = subject.isolation.options[1];
  if (runtime !== undefined) assert.equal(HostConfig['Runtime'], runtime);
});

behaviour('inspect tells of a run: pid, times, address', async (subject) => {
  await subject.background([], 'sleep', '1000');
  const running = await subject.inspect(
    '{{.State.Running}} {{gt .State.Pid 1}} {{.State.FinishedAt}} {{.NetworkSettings.Networks.bridge.IPAddress}}',
  );
  assert.match(running, /^true true 0001-01-01T00:00:00Z \d+\.\d+\.\d+\.\d+$/);
  assert.match((await subject.exec([], 'ip', '-4', 'addr', 'show', 'eth0')).stdout, new RegExp(`inet ${running.split(' ')[3] ?? '-'}/`));
  await subject.daemon.docker('kill', subject.name);
  const [started = '', finished = ''] = (await subject.inspect('{{.State.StartedAt}} {{.State.FinishedAt}}')).split(' ');
  assert.ok(Date.parse(started) <= Date.parse(finished), `${started} is before ${finished}`);
  assert.ok(Math.abs(Date.parse(finished) - Date.now()) < 120_000);
});
