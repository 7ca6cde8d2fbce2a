/** Health checks, as Docker makes them. */
import assert from 'node:assert/strict';
import { askJson } from '../fixtures/ask-json.ts';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { until } from '../fixtures/until.ts';

const { behaviour, once } = conformance();

const QUICK = ['--health-interval', '200ms', '--health-timeout', '60s'];

interface Health {
  readonly Status: string;
  readonly FailingStreak: number;
  readonly Log: ReadonlyArray<{ readonly Start: string; readonly End: string; readonly ExitCode: number; readonly Output: string }>;
}

async function health(subject: Subject): Promise<Health> {
  return JSON.parse(await subject.inspect('{{json .State.Health}}')) as Health;
}

async function becomes(subject: Subject, wanted: string): Promise<Health> {
  return until(`${subject.name} is ${wanted}`, 60_000, async () => {
    const seen = await health(subject);
    return seen.Status === wanted ? seen : undefined;
  });
}

async function status(subject: Subject, ...filters: readonly string[]): Promise<string> {
  return subject.daemon.docker('ps', '--filter', `name=${subject.name}`, ...filters, '--format', '{{.Status}}');
}

behaviour('a container is starting, then healthy, then unhealthy, and events tell it', async (subject) => {
  const since = String(Date.now() / 1000);
  await subject.background(['--health-cmd', 'echo out; test -e /ok', ...QUICK, '--health-retries', '2'], 'sleep', '1000');
  await subject.exec([], 'touch', '/ok');
  const healthy = await becomes(subject, 'healthy');
  assert.equal(healthy.FailingStreak, 0);
  const last = healthy.Log.at(-1);
  assert.deepEqual([last?.ExitCode, last?.Output], [0, 'out\n']);
  assert.match(last?.Start ?? '', /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.match(await status(subject), /^Up .* \(healthy\)$/);
  await subject.exec([], 'rm', '/ok');
  const unhealthy = await becomes(subject, 'unhealthy');
  assert.ok(unhealthy.FailingStreak >= 2);
  assert.ok(unhealthy.Log.length <= 5);
  assert.match(await status(subject), /^Up .* \(unhealthy\)$/);
  assert.match(await status(subject, '--filter', 'health=unhealthy'), /unhealthy/);
  assert.equal(await status(subject, '--filter', 'health=healthy'), '');
  const events = await subject.daemon.docker(
    'events',
    '--since',
    since,
    '--until',
    String(Date.now() / 1000),
    '--filter',
    `container=${subject.name}`,
    '--format',
    '{{.Action}}',
  );
  const seen = events.split('\n').filter((action) => action.startsWith('health_status'));
  const told = [...new Set(seen)];
  assert.ok(told.includes('health_status: healthy') && told.at(-1) === 'health_status: unhealthy', events);
  assert.match(events, /^exec_create: \/bin\/sh -c echo out; test -e \/ok$/m);
});

behaviour('a check that takes too long is ended, and counts as failed', async (subject) => {
  await subject.background(
    ['--health-cmd', 'echo begun; exec sleep 54321', '--health-interval', '100ms', '--health-timeout', '3s', '--health-retries', '1'],
    'sleep',
    '1000',
  );
  const { Log } = await becomes(subject, 'unhealthy');
  assert.equal(Log[0]?.ExitCode, -1);
  assert.match(Log[0]?.Output ?? '', /^Health check exceeded timeout \(3s\)/);
});

behaviour('a check whose command is missing counts as failed', async (subject) => {
  const body = {
    Image: 'abode/base',
    Cmd: ['sleep', '1000'],
    Healthcheck: { Test: ['CMD', 'nosuchcommand'], Interval: 100_000_000, Retries: 1 },
  };
  await createRaw(subject, body);
  await subject.docker('start', subject.name);
  const { Log } = await becomes(subject, 'unhealthy');
  assert.match(Log[0]?.Output ?? '', /exec: "nosuchcommand": executable file not found in \$PATH/);
});

behaviour('an end and a pause are unhealthy; a new start begins anew', async (subject) => {
  await subject.background(['--health-cmd', 'true', ...QUICK], 'sleep', '1000');
  await becomes(subject, 'healthy');
  await subject.docker('pause', subject.name);
  assert.equal((await health(subject)).Status, 'unhealthy');
  assert.match(await status(subject), /\(Paused\)$/);
  await subject.docker('unpause', subject.name);
  await becomes(subject, 'healthy');
  await subject.docker('kill', subject.name);
  await subject.daemon.ended(subject.name);
  const ended = await health(subject);
  assert.equal(ended.Status, 'unhealthy');
  assert.ok(ended.Log.length > 0);
  await subject.docker('start', subject.name);
  await becomes(subject, 'healthy');
});

behaviour('within the start period a failure does not count', async (subject) => {
  await subject.background(
    ['--health-cmd', 'false', ...QUICK, '--health-retries', '1', '--health-start-period', '1h', '--health-start-interval', '100ms'],
    'sleep',
    '1000',
  );
  const seen = await until('two checks', 60_000, async () => {
    const now = await health(subject);
    return now.Log.length >= 2 ? now : undefined;
  });
  assert.deepEqual([seen.Status, seen.FailingStreak], ['starting', 0]);
  assert.match(await status(subject), /^Up .* \(health: starting\)$/);
});

behaviour("the shell of the image runs the check's line; NONE checks nothing", async (subject) => {
  const line = 'test "$0" = mark';
  await createRaw(subject, {
    Image: 'abode/base',
    Cmd: ['sleep', '1000'],
    Shell: ['/bin/sh', '-c'],
    Healthcheck: { Test: ['CMD-SHELL', line, 'mark'], Interval: 100_000_000, Retries: 1 },
  });
  await subject.docker('start', subject.name);
  await becomes(subject, 'healthy');
  await subject.docker('rm', '-f', subject.name);
  await subject.background(['--no-healthcheck'], 'sleep', '1000');
  assert.equal(await subject.inspect('{{json .State.Health}}'), 'null');
});

behaviour("an image's own health check is made, and its parts are overridden one by one", async (subject) => {
  const image = `abode-checked:${subject.name}`;
  const archive = `${subject.daemon.directory}/${subject.name}.tar`;
  await subject.background([], 'sleep', '1000');
  await subject.daemon.docker('export', '-o', archive, subject.name);
  await subject.docker('rm', '-f', subject.name);
  await subject.daemon.docker('import', '-c', 'HEALTHCHECK --interval=1h --retries=1 CMD test -e /ok', archive, image);
  const id = await subject.daemon.docker(
    'run',
    '-d',
    '--name',
    subject.name,
    ...subject.isolation.options,
    '--health-interval',
    '200ms',
    image,
    'sleep',
    '1000',
  );
  assert.match(id, /^[0-9a-f]{64}$/);
  await becomes(subject, 'unhealthy');
  await subject.exec([], 'touch', '/ok');
  await becomes(subject, 'healthy');
  assert.equal(
    await subject.inspect('{{json .Config.Healthcheck}}'),
    '{"Test":["CMD-SHELL","test -e /ok"],"Interval":200000000,"Retries":1}',
  );
  await subject.docker('rm', '-f', subject.name);
  await subject.daemon.docker('rmi', image);
});

once('times below a millisecond and negative numbers are refused', async (daemon) => {
  const { code, stderr } = await daemon.run(['create', '--health-cmd', 'true', '--health-interval', '1us', 'abode/base']);
  assert.notEqual(code, 0);
  assert.match(stderr, /Interval in Healthcheck cannot be less than 1ms|cannot be less than 1ms/);
});

/** What the client has no option for. */
async function createRaw(subject: Subject, body: object): Promise<void> {
  const { options } = subject.isolation;
  const host = options.length === 0 ? {} : { Runtime: options[options.indexOf('--runtime') + 1] };
  const { status: code, body: answer } = await askJson(subject.daemon.socket, 'POST', `/containers/create?name=${subject.name}`, {
    ...body,
    HostConfig: host,
  });
  assert.equal(code, 201, JSON.stringify(answer));
}
