import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALL_CAPABILITIES, resolveCapabilities } from '../sandbox/capabilities.ts';
import type { ContainerSpec, Limits, Security } from '../sandbox/sandbox.ts';
import { checkHostConfig, containerSpec, type SpecParts } from './container-spec.ts';
import { containerRecord } from './record-fixture.ts';
import type { ContainerConfig, HostConfig, Isolation } from './record.ts';

const DEFAULTS = resolveCapabilities({ privileged: false, add: [], drop: [] });
const parts: SpecParts = {
  paths: { rootDir: '/r', runDir: '/s', log: '/r/x.log' },
  mountpoint: (volume: string) => `/volumes/${volume}`,
  layers: ['/l'],
  disk: () => Promise.resolve({ path: '/d' }),
  network: undefined,
  ceilings: { rlimits: new Map(), capabilities: ALL_CAPABILITIES },
  guestKernel: '6.1.0-guest',
  rows: 24,
  columns: 80,
};

const spec = (host: HostConfig = {}, config: Partial<ContainerConfig> = {}, more: Partial<SpecParts> = {}): ContainerSpec =>
  containerSpec(containerRecord({ host, config: { Hostname: 'web', ...config } }), { ...parts, ...more });
const environment = (config: Partial<ContainerConfig>): readonly string[] => spec({}, config).init.env;
const limits = (host: HostConfig): Limits => spec(host).limits;
const security = (host: HostConfig, more: Partial<SpecParts> = {}): Security => spec(host, {}, more).security;

test('the environment has the host name, and on a terminal its kind', () => {
  assert.deepEqual(environment({ Env: ['A=1'] }), ['A=1', 'HOSTNAME=web']);
  assert.deepEqual(environment({ Env: ['A=1'], Tty: true }), ['A=1', 'HOSTNAME=web', 'TERM=xterm']);
});

test('what the request sets of these stays, once', () => {
  assert.deepEqual(environment({ Env: ['HOSTNAME=mine', 'TERM=dumb'], Tty: true }), ['HOSTNAME=mine', 'TERM=dumb']);
});

test('cpus are counted in millionths, whichever way they were asked for', () => {
  assert.equal(limits({}).microCpus, 0);
  assert.equal(limits({ NanoCpus: 1_500_000_000 }).microCpus, 1_500_000);
  assert.equal(limits({ CpuQuota: 50_000 }).microCpus, 500_000);
  assert.equal(limits({ CpuQuota: 50_000, CpuPeriod: 25_000 }).microCpus, 2_000_000);
  assert.equal(limits({ CpuQuota: -1, CpuPeriod: 25_000 }).microCpus, 0);
});

test('no limit is 0, however it was said', () => {
  for (const pids of [undefined, null, 0, -1]) assert.equal(limits(pids === undefined ? {} : { PidsLimit: pids }).pids, 0, String(pids));
  assert.equal(limits({ PidsLimit: 7 }).pids, 7);
});

test('an rlimit of -1 is without end', () => {
  assert.deepEqual(
    spec({
      Ulimits: [
        { Name: 'nofile', Soft: 10, Hard: 20 },
        { Name: 'core', Soft: -1, Hard: -1 },
      ],
    }).rlimits,
    [
      { name: 'RLIMIT_NOFILE', soft: 10n, hard: 20n },
      { name: 'RLIMIT_CORE', soft: 2n ** 64n - 1n, hard: 2n ** 64n - 1n },
    ],
  );
});

test('a container is confined by default; privileged is not; options say otherwise', () => {
  const usual = security({});
  assert.deepEqual([usual.capabilities, usual.seccomp, usual.noNewPrivileges, usual.privileged], [DEFAULTS, 'default', false, false]);
  assert.ok(usual.maskedPaths.includes('/proc/kcore') && usual.readonlyPaths.includes('/proc/sys'));
  const privileged = security({ Privileged: true });
  assert.deepEqual(
    [privileged.capabilities, privileged.seccomp, privileged.maskedPaths, privileged.readonlyPaths],
    [ALL_CAPABILITIES, 'unconfined', [], []],
  );
  assert.equal(security({ SecurityOpt: ['seccomp=unconfined'] }).seccomp, 'unconfined');
  assert.equal(security({ SecurityOpt: ['seccomp:unconfined'] }).seccomp, 'unconfined');
  assert.equal(security({ SecurityOpt: ['seccomp=builtin'] }).seccomp, 'default');
  assert.equal(security({ SecurityOpt: ['seccomp={"a":"x=y:z"}'] }).seccomp, '{"a":"x=y:z"}');
  assert.deepEqual(
    ['no-new-privileges', 'no-new-privileges=true', 'no-new-privileges:true', 'no-new-privileges=false'].map(
      (option) => security({ SecurityOpt: [option] }).noNewPrivileges,
    ),
    [true, true, true, false],
  );
  assert.deepEqual([security({ MaskedPaths: [] }).maskedPaths, security({ ReadonlyPaths: ['/x'] }).readonlyPaths], [[], ['/x']]);
});

test('a profile that asks for a kernel is asked of the one that runs it', () => {
  const kernelOf = (isolation: Isolation): string | undefined => containerSpec(containerRecord({ isolation }), parts).security.kernel;
  assert.equal(kernelOf({ kind: 'container', runtime: 'crun' }), undefined);
  assert.equal(kernelOf({ kind: 'vm', boot: 'template' }), '6.1.0-guest');
  assert.equal(kernelOf({ kind: 'hybrid', vm: 'a' }), '6.1.0-guest');
});

test('no capability is given that this machine cannot give', () => {
  const few = { ceilings: { rlimits: new Map<string, bigint>(), capabilities: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] } };
  assert.deepEqual(security({}, few).capabilities, ['CAP_CHOWN']);
  assert.deepEqual(security({ Privileged: true }, few).capabilities, ['CAP_CHOWN', 'CAP_SYS_ADMIN']);
});

test('the log goes to its file with the rotation that was asked for, or nowhere', () => {
  assert.deepEqual(spec().init.log, { path: '/r/x.log', maxSize: 0, maxFiles: 1 });
  assert.deepEqual(spec({ LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } } }).init.log, {
    path: '/r/x.log',
    maxSize: 10_000_000,
    maxFiles: 3,
  });
  assert.equal(spec({ LogConfig: { Type: 'none' } }).init.log, undefined);
});

test('shared memory has its default size unless another was asked for', () => {
  assert.deepEqual([spec().shmSize, spec({ ShmSize: 0 }).shmSize, spec({ ShmSize: 4096 }).shmSize], [64 << 20, 64 << 20, 4096]);
});

test('what Docker refuses at create is refused', () => {
  assert.throws(
    () => {
      checkHostConfig({ SecurityOpt: ['nonsense'] });
    },
    { code: 'invalid', message: 'invalid --security-opt 1: "nonsense"' },
  );
  for (const option of ['nonsense=1', 'no-new-privileges:x', 'systempaths=unconfined']) {
    assert.throws(
      () => {
        checkHostConfig({ SecurityOpt: [option] });
      },
      { code: 'invalid', message: `invalid --security-opt 2: "${option}"` },
    );
  }
  assert.throws(
    () => {
      checkHostConfig({ Ulimits: [{ Name: 'nofile', Soft: 20, Hard: 10 }] });
    },
    { code: 'invalid', message: /soft limit must be less than or equal to hard limit: 20 > 10/ },
  );
  // In a VM the agent takes numbers: an unknown name must not become another limit's.
  assert.throws(
    () => {
      checkHostConfig({ Ulimits: [{ Name: 'nosuch', Soft: 1, Hard: 1 }] });
    },
    { code: 'invalid', message: 'invalid ulimit type: nosuch' },
  );
  assert.throws(
    () => {
      checkHostConfig({ LogConfig: { Type: 'syslog' } });
    },
    { code: 'invalid', message: /^logger: the log driver 'syslog' is not available/ },
  );
  assert.doesNotThrow(() => {
    checkHostConfig({
      SecurityOpt: ['no-new-privileges', 'seccomp=unconfined', 'apparmor=x'],
      Ulimits: [{ Name: 'nofile', Soft: 5, Hard: -1 }],
    });
  });
});
