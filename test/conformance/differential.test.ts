/**
 * The same commands to the dockerd of this machine and to Abode, as a container and as a VM: exit status, output and messages are compared.
 * What Docker's versions themselves word differently is normalised, nothing else.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ISOLATIONS } from '../fixtures/isolations.ts';
import { ReferenceDocker } from '../fixtures/reference-docker.ts';
import { cannotRun, DOCKER, type Finished, RobustDaemon } from '../fixtures/robust-daemon.ts';

const IMAGE = `abode-differential:${String(process.pid)}`;
const NAME = `abode-differential-${String(process.pid)}`;
const TEST_MS = 300_000;

type Run = (args: readonly string[], input?: string) => Promise<Finished>;

/** One line each: what is run, word by word. RUN is `run --rm` with the isolation's options, MAKE `create`, I the image, N a name. */
const SCRIPTS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'outputs and status': [['RUN', 'I', 'sh', '-c', 'echo out; echo err >&2; exit 7']],
  'input is piped': [['RUN', '-i', 'I', 'sh', '-c', 'cat; echo end']],
  'the environment': [['RUN', '-e', 'A=b', '--hostname', 'h', 'I', 'sh', '-c', 'env | sort']],
  'user and group': [
    ['RUN', '-u', 'abode', 'I', 'id'],
    ['RUN', '-u', '12:34', 'I', 'id'],
    ['RUN', '-u', '1000:nogroup', 'I', 'id'],
  ],
  'unknown user and group': [
    ['RUN', '-u', 'nosuch', 'I', 'true'],
    ['RUN', '-u', 'root:nosuch', 'I', 'true'],
  ],
  'working directory': [
    ['RUN', '-w', '/made/here', 'I', 'pwd'],
    ['RUN', '-w', 'relative', 'I', 'pwd'],
  ],
  'commands that cannot be run': [
    ['RUN', 'I', 'nosuchcommand'],
    ['RUN', 'I', '/no/such'],
    ['RUN', 'I', '/etc/passwd'],
    ['RUN', 'I', '/etc'],
  ],
  capabilities: [
    ['RUN', 'I', 'grep', '^Cap', '/proc/self/status'],
    ['RUN', '--cap-drop', 'ALL', '--cap-add', 'NET_RAW', 'I', 'grep', '^Cap', '/proc/self/status'],
    ['RUN', '--cap-add', 'NOSUCH', 'I', 'true'],
  ],
  'seccomp and privileges': [
    ['RUN', 'I', 'grep', '-E', '^(Seccomp|NoNewPrivs):', '/proc/self/status'],
    [
      'RUN',
      '--security-opt',
      'seccomp=unconfined',
      '--security-opt',
      'no-new-privileges',
      'I',
      'grep',
      '-E',
      '^(Seccomp|NoNewPrivs):',
      '/proc/self/status',
    ],
    ['RUN', 'I', 'unshare', '-U', 'true'],
    ['RUN', 'I', 'mount', '-t', 'tmpfs', 'none', '/tmp'],
    ['RUN', 'I', 'chroot', '/', 'true'],
    ['RUN', 'I', 'date', '-s', '2001-01-01'],
  ],
  'read-only paths': [
    ['RUN', 'I', 'sh', '-c', 'echo 1 > /proc/sys/kernel/msgmax'],
    ['RUN', '--read-only', 'I', 'touch', '/x'],
    ['RUN', 'I', 'cat', '/proc/keys', '/proc/timer_list'],
  ],
  limits: [
    ['RUN', '--ulimit', 'nofile=123:456', 'I', 'sh', '-c', 'ulimit -n; ulimit -Hn'],
    ['RUN', '-m', '1b', 'I', 'true'],
    ['RUN', '--cpus', '4096', 'I', 'true'],
    ['RUN', '--shm-size', '3m', 'I', 'sh', '-c', 'df -k /dev/shm | tail -n 1 | { read a b c; echo $b; }'],
    ['RUN', '-m', '32m', 'I', 'sh', '-c', 'x=x; while :; do x=$x$x; done'],
  ],
  'sysctls and networks': [
    ['RUN', '--sysctl', 'net.ipv4.ip_default_ttl=33', 'I', 'cat', '/proc/sys/net/ipv4/ip_default_ttl'],
    ['RUN', '--network', 'none', 'I', 'ls', '/sys/class/net'],
  ],
  devices: [
    ['RUN', 'I', 'sh', '-c', 'ls /dev | grep -v -x core; ls -ld /dev/null /dev/shm | cut -c1-10; umask; pwd; cat /proc/1/oom_score_adj'],
  ],
  init: [['RUN', '--init', 'I', 'sh', '-c', 'test $$ != 1; echo $?; exit 5']],
  'a life': [
    ['MAKE', '--name', 'N', 'I', 'sh', '-c', 'trap "echo got; exit 9" TERM; echo up; while :; do sleep 0.1; done'],
    ['exec', 'N', 'true'],
    ['start', 'N'],
    ['exec', 'N', 'sh', '-c', 'until test -e /proc/1/stat; do :; done; sleep 1; exit 42'],
    ['exec', '-u', '12:34', '-w', '/tmp', '-e', 'A=b', 'N', 'sh', '-c', 'id -u; id -g; pwd; echo $A'],
    ['exec', '-u', 'nosuch', 'N', 'true'],
    ['rm', 'N-other'],
    ['MAKE', '--name', 'N', 'I', 'true'],
    ['stop', 'N'],
    ['logs', 'N'],
    ['wait', 'N'],
    ['kill', 'N'],
    ['kill', '-s', 'NOSUCH', 'N'],
    [
      'inspect',
      '-f',
      '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Pid}} {{.RestartCount}} {{.Path}} {{.Args}}',
      'N',
    ],
    ['attach', 'N'],
    ['rm', 'N'],
    ['rm', 'N'],
    ['start', 'N'],
    ['logs', 'N'],
    ['stop', 'N'],
  ],
  'images that are not there': [
    ['run', '--rm', '--pull', 'never', 'no/such:1', 'true'],
    ['rmi', 'no/such:1'],
    ['tag', 'no/such:1', 'a:b'],
    ['inspect', 'no/such:1'],
    ['history', 'no/such:1'],
  ],
};

/** Input for commands that read it. */
const INPUT = 'one\ntwo\n';

const reference = new ReferenceDocker(DOCKER);
const skip = cannotRun === false ? await ReferenceDocker.missing() : cannotRun;
let daemon: RobustDaemon | undefined;
const expected = new Map<string, Finished[]>();

if (skip === false) {
  before(async () => {
    daemon = await RobustDaemon.start();
    await daemon.docker('tag', 'abode/base', IMAGE);
    await reference.take(daemon, IMAGE);
  });
  after(async () => {
    await reference.run(['rm', '-f', NAME]);
    await reference.run(['rmi', '-f', IMAGE]);
    await daemon?.[Symbol.asyncDispose]();
  });
}

for (const [name, script] of Object.entries(SCRIPTS)) {
  for (const isolation of ISOLATIONS) {
    test(`${isolation.name} does as dockerd does: ${name}`, { skip, timeout: TEST_MS }, async () => {
      assert.ok(daemon);
      const own = daemon;
      const run: Run = (args, input) => own.run(args, input === undefined ? {} : { input });
      if (!expected.has(name)) expected.set(name, await play((args, input) => reference.run(args, input), script, []));
      const seen = await play(run, script, isolation.options);
      await own.removeAll();
      const wanted = expected.get(name) ?? [];
      for (const [index, line] of script.entries()) assert.deepEqual(seen[index], wanted[index], line.join(' '));
    });
  }
}

async function play(run: Run, script: readonly (readonly string[])[], options: readonly string[]): Promise<Finished[]> {
  const results: Finished[] = [];
  for (const line of script) {
    const args = line.flatMap((word) =>
      word === 'RUN'
        ? ['run', '--rm', ...options]
        : word === 'MAKE'
          ? ['create', ...options]
          : word === 'I'
            ? [IMAGE]
            : word === 'N'
              ? [NAME]
              : [word],
    );
    const { code, stdout, stderr } = await run(args, line.includes('-i') ? INPUT : undefined);
    results.push({ code, stdout: normalise(stdout), stderr: normalise(stderr) });
  }
  return results;
}

/**
 * Ids, Abode's notice that a first VM's template is made, and the words that Docker 20.10 and Docker 28, runc 1.1 and its successors put
 * differently.
 */
function normalise(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{64}/g, 'ID')
    .replaceAll(/^abode: (making the VM template|the VM template is ready) .*\n/gm, '')
    .replaceAll('failed to create task for container: ', '')
    .replaceAll('runc create failed: ', '')
    .replaceAll('exec: "/etc": is a directory: permission denied', 'exec: "/etc": permission denied')
    .replaceAll('Cannot kill container', 'cannot kill container')
    .replaceAll(/\bContainer ID\b/g, 'container ID')
    .replaceAll('Invalid signal', 'invalid signal')
    .replaceAll('Range of CPUs', 'range of CPUs');
}
