/** Debian's docker-compose with an application of three services, one of them a VM, as a user writes it. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { conformance } from '../fixtures/conformance.ts';
import { freePorts } from '../fixtures/free-port.ts';
import { DEBIAN_CLIENT, type RobustDaemon } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const COMPOSE = '/usr/bin/docker-compose';
const COMMAND_MS = 120_000;
const WAIT = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
const run = promisify(execFile);

// Compose asks the client for a terminal's sake only: the one that stands beside it.
const { once: test } = conformance({ client: DEBIAN_CLIENT });

/** The services: a store in a container, a worker in a VM, a web server that both of them feed. */
function describe(port: number): string {
  const three = {
    store: {
      image: 'abode/base',
      network_mode: 'bridge',
      volumes: ['data:/data'],
      environment: ['ROLE=store'],
      command: ['sh', '-c', `date > /data/started; echo $$ROLE is up; ${WAIT}`],
      healthcheck: { test: ['CMD', 'test', '-s', '/data/started'], interval: '500ms', timeout: '20s', retries: 60 },
    },
    worker: {
      image: 'abode/base',
      network_mode: 'bridge',
      runtime: 'vm',
      mem_limit: '96m',
      hostname: 'worker',
      volumes: ['data:/data', './site:/site', '/scratch'],
      environment: { GREETING: '${WHO:-nobody} says hello' },
      env_file: 'worker.env',
      command: ['sh', '-c', `echo $$GREETING > /site/index.html; uname -r > /data/kernel; echo $$COLOUR; echo odd >&2; ${WAIT}`],
      depends_on: { store: { condition: 'service_healthy' } },
      stop_grace_period: '60s',
    },
    web: {
      image: 'abode/base',
      network_mode: 'bridge',
      ports: [`127.0.0.1:${String(port)}:80`],
      volumes: ['./site:/www:ro'],
      links: ['worker:backend'],
      command: ['httpd', '-f', '-h', '/www'],
      init: true,
      restart: 'unless-stopped',
      depends_on: ['worker'],
    },
  };
  return JSON.stringify({ version: '2.4', services: three, volumes: { data: {} } });
}

class Application {
  readonly daemon: RobustDaemon;
  readonly port: number;
  readonly directory: string;

  static async write(daemon: RobustDaemon): Promise<Application> {
    const application = new Application(daemon, await freePorts());
    mkdirSync(join(application.directory, 'site'), { recursive: true });
    writeFileSync(join(application.directory, 'docker-compose.yml'), describe(application.port));
    writeFileSync(join(application.directory, 'worker.env'), '# of the worker\nCOLOUR=blue\n');
    return application;
  }

  private constructor(daemon: RobustDaemon, port: number) {
    this.daemon = daemon;
    this.port = port;
    this.directory = join(daemon.directory, 'app');
  }

  get settings(): { cwd: string; env: NodeJS.ProcessEnv } {
    return { cwd: this.directory, env: { ...this.daemon.environment, WHO: 'compose' } };
  }

  /** What a command that must succeed printed; what it says of its progress is on stderr. */
  async compose(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(COMPOSE, args, { ...this.settings, timeout: COMMAND_MS });
    return stdout.trimEnd();
  }

  page(): Promise<string> {
    return new Promise((resolve, reject) => {
      get({ port: this.port, host: '127.0.0.1', agent: false, timeout: 10_000 }, (answer) => {
        text(answer).then(resolve, reject);
      }).on('error', reject);
    });
  }

  /** One line for each container, sorted. */
  async states(): Promise<string[]> {
    const rows = await this.daemon.docker('ps', '-a', '--format', '{{.Label "com.docker.compose.service"}} {{.State}}');
    return rows
      .split('\n')
      .filter((row) => row !== '')
      .toSorted();
  }
}

test('compose: up, look, change, restart, stop, down', async (daemon) => {
  const application = await Application.write(daemon);
  const compose = application.compose.bind(application);
  await compose('up', '-d');
  assert.deepEqual(await application.states(), ['store running', 'web running', 'worker running']);
  assert.equal(await until('the page is there', 60_000, () => application.page().catch(() => undefined)), 'compose says hello\n');

  const listed = await compose('ps');
  assert.match(listed, /^app_store_1 .* Up \(healthy\) *$/m);
  assert.match(listed, new RegExp(`^app_web_1 .* Up .* 127\\.0\\.0\\.1:${String(application.port)}->80/tcp`, 'm'));
  assert.match(listed, /^app_worker_1 .* Up *$/m);
  assert.deepEqual((await compose('ps', '--services', '--filter', 'status=running')).split('\n').toSorted(), ['store', 'web', 'worker']);
  assert.equal(await compose('port', 'web', '80'), `127.0.0.1:${String(application.port)}`);
  assert.match(await compose('images', 'web'), /abode\/base/);

  const logs = (await compose('logs', '--no-color')).split('\n').toSorted();
  assert.deepEqual(logs, [
    'Attaching to app_web_1, app_worker_1, app_store_1',
    'store_1   | store is up',
    'worker_1  | blue',
    'worker_1  | odd',
  ]);
  assert.equal(await compose('logs', '--no-color', '--tail', '1', 'worker'), 'Attaching to app_worker_1\nworker_1  | odd');

  const exec = ['exec', '-T', '-e', 'A=b', 'worker', 'sh', '-c'];
  const hostKernel = (await run('uname', ['-r'])).stdout.trim();
  const [kernel, ...rest] = (await compose(...exec, 'uname -r; hostname; echo $A; cat /data/kernel; test -s /data/started; echo $?')).split(
    '\n',
  );
  assert.notEqual(kernel, hostKernel, 'the worker has a kernel of its own');
  assert.deepEqual(rest, ['worker', 'b', kernel, '0']);
  assert.equal(await compose('exec', '-T', 'store', 'cat', '/data/kernel'), kernel, 'a volume that a container shares with a VM');
  await assert.rejects(compose('exec', '-T', 'worker', 'sh', '-c', 'exit 9'), { code: 9 });
  await assert.rejects(compose('exec', '-T', 'web', 'touch', '/www/new'), /Read-only file system/);
  const address = await daemon.docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'app_worker_1');
  assert.match(await compose('exec', '-T', 'web', 'cat', '/etc/hosts'), new RegExp(`^${address}\\s+backend `, 'm'));
  assert.match(await compose('top', 'worker'), /sh -c echo \$GREETING/);

  const before = await daemon.docker('inspect', '-f', '{{.State.StartedAt}}', 'app_worker_1');
  await compose('restart', 'worker');
  assert.notEqual(await daemon.docker('inspect', '-f', '{{.State.StartedAt}}', 'app_worker_1'), before);
  await compose('pause', 'store', 'worker');
  assert.deepEqual(await application.states(), ['store paused', 'web running', 'worker paused']);
  await compose('unpause', 'store', 'worker');
  assert.equal(await compose('run', '--rm', '-T', '-e', 'COLOUR=green', 'worker', 'sh', '-c', 'echo $COLOUR'), 'green');
  await compose('kill', '-s', 'KILL', 'store');
  await until('the store is dead', 60_000, async () => (await application.states()).includes('store exited'));
  await compose('start', 'store');

  await compose('stop');
  assert.deepEqual(await application.states(), ['store exited', 'web exited', 'worker exited']);
  assert.match(await compose('ps'), /^app_worker_1 .* Exit 0 *$/m);
  await compose('down', '-v');
  assert.deepEqual(await application.states(), []);
  assert.equal(await daemon.docker('volume', 'ls', '-q'), '');
  assert.ok(existsSync(join(application.directory, 'site/index.html')), 'a bound directory is the user’s');
});

test('compose: a changed service is made anew and keeps its anonymous volume; what did not change stays', async (daemon) => {
  const application = await Application.write(daemon);
  const compose = application.compose.bind(application);
  await compose('up', '-d', 'worker');
  await compose('exec', '-T', 'worker', 'sh', '-c', 'echo kept > /scratch/file');
  const ids = async (): Promise<string[]> => (await compose('ps', '-q', 'store', 'worker')).split('\n');
  const [store, worker] = await ids();
  await compose('up', '-d', 'worker');
  assert.deepEqual(await ids(), [store, worker], 'nothing changed');

  const file = join(application.directory, 'docker-compose.yml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('says hello', 'says goodbye'));
  await compose('up', '-d', 'worker');
  const [sameStore, newWorker] = await ids();
  assert.equal(sameStore, store);
  assert.notEqual(newWorker, worker);
  assert.equal(await compose('exec', '-T', 'worker', 'cat', '/scratch/file', '/site/index.html'), 'kept\ncompose says goodbye');
  const scratch = await daemon.docker(
    'inspect',
    '-f',
    '{{range .Mounts}}{{if eq .Destination "/scratch"}}{{.Name}}{{end}}{{end}}',
    newWorker ?? '',
  );
  await compose('rm', '-f', '-s', '-v', 'worker');
  assert.deepEqual(await application.states(), ['store running']);
  await compose('up', '-d', '--scale', 'store=3', 'store');
  assert.deepEqual(await application.states(), ['store running', 'store running', 'store running']);
  await compose('down', '-v');
  // Compose passed it on by its name: then it is nobody's to remove, on dockerd too.
  assert.equal(await daemon.docker('volume', 'ls', '-q'), scratch);
  await daemon.docker('volume', 'rm', scratch);
});

test('compose up in the foreground: all outputs with their names, and an end by one Ctrl-C', async (daemon) => {
  const application = await Application.write(daemon);
  const child = spawn(COMPOSE, ['--no-ansi', 'up'], { ...application.settings, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (said += part));
  await until('all of them speak', COMMAND_MS, () => /worker_1 +\| odd/.test(said) && /store_1 +\| store is up/.test(said));
  await until('the web server runs', COMMAND_MS, async () => (await application.states()).includes('web running'));
  child.kill('SIGINT');
  await closed;
  assert.match(said, /Gracefully stopping/);
  assert.deepEqual(await application.states(), ['store exited', 'web exited', 'worker exited'], said);
  await application.compose('down', '-v');
});
