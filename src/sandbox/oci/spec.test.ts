import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ContainerSpec, Limits, Security } from '../sandbox.ts';
import { containerSpec, processSpec } from '../spec-fixture.ts';
import type { OciMount } from './mounts.ts';
import { composeProcess, composeSpec, lowered, type SpecContext, specJson } from './spec.ts';

const USER = { uid: 1000, gid: 100, groups: [4, 5], home: '/home/u' };
const PRIVILEGED = ['CAP_SYS_ADMIN', 'CAP_CHOWN'];
const UNLIMITED = 2n ** 64n - 1n;
const context: SpecContext = {
  rootfs: '/run/c/rootfs',
  netns: undefined,
  cgroupsPath: '/abode/x',
  cgroupVersion: '1',
  ceilings: new Map(),
  mountSource: ({ source }: { source: string }) => source,
  fileSource: (source) => `/seen${source}`,
};

interface Composed {
  readonly process: object;
  readonly root: object;
  readonly hostname: string;
  readonly domainname?: string;
  readonly mounts: readonly OciMount[];
  readonly linux: {
    readonly namespaces: ReadonlyArray<{ type: string; path?: string }>;
    readonly resources: { devices: ReadonlyArray<{ allow: boolean }>; memory?: object; pids?: object; cpu: object };
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
    readonly seccomp?: { defaultAction: string };
  };
}

function compose(more: Partial<ContainerSpec> = {}, where: Partial<SpecContext> = {}): Composed {
  const spec = containerSpec(more);
  const process = composeProcess(spec, spec.init, USER, context.ceilings, PRIVILEGED);
  return composeSpec(spec, process, { ...context, ...where }) as Composed;
}

const security = (more: Partial<Security>): Partial<ContainerSpec> => ({ security: { ...containerSpec().security, ...more } });
const limits = (more: Partial<Limits>): Composed['linux']['resources'] =>
  compose({ limits: { ...containerSpec().limits, ...more } }).linux.resources;
const mountAt = (spec: Composed, destination: string): OciMount | undefined =>
  spec.mounts.find((mount) => mount.destination === destination);

test('only root has capabilities; others could gain them by a program that has them', () => {
  const capabilitiesOf = (uid: number, privileged: boolean): object => {
    const spec = containerSpec();
    return composeProcess(spec, { ...spec.init, privileged }, { ...USER, uid }, new Map(), PRIVILEGED).capabilities;
  };
  const sets = (usable: readonly string[], bounding: readonly string[]): object => ({
    bounding,
    effective: usable,
    permitted: usable,
    inheritable: [],
    ambient: [],
  });
  assert.deepEqual(capabilitiesOf(0, false), sets(['CAP_CHOWN', 'CAP_KILL'], ['CAP_CHOWN', 'CAP_KILL']));
  assert.deepEqual(capabilitiesOf(0, true), sets(PRIVILEGED, PRIVILEGED));
  assert.deepEqual(capabilitiesOf(1000, false), sets([], ['CAP_CHOWN', 'CAP_KILL']));
  assert.deepEqual(capabilitiesOf(1000, true), sets([], PRIVILEGED));
});

test('a process has the user, working directory and environment that were resolved', () => {
  const spec = containerSpec();
  const process = composeProcess(spec, spec.init, USER, new Map(), PRIVILEGED);
  assert.deepEqual(process, {
    terminal: false,
    user: { uid: 1000, gid: 100, additionalGids: [4, 5], umask: 0o022 },
    args: ['echo', 'hi'],
    env: ['PATH=/bin', 'HOME=/home/u'],
    cwd: '/',
    capabilities: {
      bounding: ['CAP_CHOWN', 'CAP_KILL'],
      effective: [],
      permitted: [],
      inheritable: [],
      ambient: [],
    },
    rlimits: [],
    noNewPrivileges: false,
  });
});

test('a HOME of the request stays, one that only ends like it does not count', () => {
  const spec = containerSpec();
  const env = (given: string[]): readonly string[] => composeProcess(spec, processSpec({ env: given }), USER, new Map(), []).env;
  assert.deepEqual(env(['HOME=/x']), ['HOME=/x']);
  assert.deepEqual(env(['MY_HOME=/x']), ['MY_HOME=/x', 'HOME=/home/u']);
});

test('a terminal has its size, where one was told', () => {
  const spec = containerSpec();
  const size = (tty: boolean, rows: number): unknown =>
    composeProcess(spec, processSpec({ tty, rows, columns: 80 }), USER, new Map(), []).consoleSize;
  assert.deepEqual(size(true, 24), { height: 24, width: 80 });
  assert.equal(size(true, 0), undefined);
  assert.equal(size(false, 24), undefined);
});

test('a privileged exec gets more than its container', () => {
  const spec = containerSpec();
  const { capabilities } = composeProcess(spec, processSpec({ privileged: true }), USER, new Map(), PRIVILEGED);
  assert.deepEqual(capabilities.bounding, PRIVILEGED);
});

test('limits above the ceiling are lowered to it, the others stay, soft never passes hard', () => {
  const ceilings = new Map([['RLIMIT_NOFILE', 1024n]]);
  assert.deepEqual(lowered({ name: 'RLIMIT_NOFILE', soft: 4096n, hard: UNLIMITED }, ceilings), {
    type: 'RLIMIT_NOFILE',
    soft: 1024n,
    hard: 1024n,
  });
  assert.deepEqual(lowered({ name: 'RLIMIT_NOFILE', soft: 10n, hard: 20n }, ceilings), { type: 'RLIMIT_NOFILE', soft: 10n, hard: 20n });
  assert.deepEqual(lowered({ name: 'RLIMIT_CORE', soft: UNLIMITED, hard: UNLIMITED }, ceilings).hard, UNLIMITED);
  const value = fc.bigInt({ min: 0n, max: UNLIMITED });
  fc.assert(
    fc.property(value, value, value, (first, second, ceiling) => {
      const [soft, hard] = first < second ? [first, second] : [second, first];
      const result = lowered({ name: 'x', soft, hard }, new Map([['x', ceiling]]));
      assert.ok(result.soft <= result.hard && result.hard <= ceiling && result.soft <= soft && result.hard <= hard);
      if (hard <= ceiling) assert.deepEqual([result.soft, result.hard], [soft, hard]);
    }),
  );
});

test('the ceilings hold for the limits of a process', () => {
  const spec = containerSpec({ rlimits: [{ name: 'RLIMIT_NOFILE', soft: 9999n, hard: 9999n }] });
  assert.deepEqual(composeProcess(spec, spec.init, USER, new Map([['RLIMIT_NOFILE', 100n]]), []).rlimits, [
    { type: 'RLIMIT_NOFILE', soft: 100n, hard: 100n },
  ]);
});

test('numbers of 64 bits are written into the JSON digit by digit, all else as it is', () => {
  assert.equal(
    specJson({ soft: UNLIMITED, text: '18446744073709551615', list: [1, null, 2n ** 53n + 1n] }),
    '{"soft":18446744073709551615,"text":"18446744073709551615","list":[1,null,9007199254740993]}',
  );
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: UNLIMITED }), (value) => {
      assert.equal(specJson({ value }), `{"value":${value.toString()}}`);
    }),
  );
});

test('the namespaces are its own; the network is the one named, or that of where it runs', () => {
  const types = (spec: Composed): string[] => spec.linux.namespaces.map(({ type }) => type);
  assert.deepEqual(types(compose()), ['pid', 'ipc', 'uts', 'mount']);
  assert.deepEqual(compose({}, { netns: '/run/netns/x' }).linux.namespaces.at(-1), { type: 'network', path: '/run/netns/x' });
  assert.ok(types(compose({}, { cgroupVersion: '2' })).includes('cgroup'));
  assert.ok(!types(compose(security({ privileged: true }), { cgroupVersion: '2' })).includes('cgroup'));
});

test('what is limited is in the resources, what is not is absent', () => {
  assert.deepEqual(limits({}).cpu, {});
  assert.ok(!('memory' in limits({})) && !('pids' in limits({})));
  assert.deepEqual(limits({ memory: 1000 }).memory, { limit: 1000, swap: 2000 }, "Docker's default is as much swap as memory");
  assert.deepEqual(limits({ memory: 1000, memorySwap: 1500 }).memory, { limit: 1000, swap: 1500 });
  assert.deepEqual(limits({ memory: 1000, memorySwap: -1 }).memory, { limit: 1000, swap: -1 });
  assert.deepEqual(limits({ pids: 7 }).pids, { limit: 7 });
  assert.deepEqual(limits({ microCpus: 1_500_000, cpuShares: 512, cpuset: '0-1' }).cpu, {
    shares: 512,
    period: 100_000,
    quota: 150_000,
    cpus: '0-1',
  });
  assert.deepEqual(limits({ microCpus: 1 }).cpu, { period: 100_000, quota: 1000 }, 'the kernel takes no less than a millisecond');
});

test('a privileged container sees and may do what others do not', () => {
  const usual = compose();
  const privileged = compose(security({ privileged: true, seccomp: 'unconfined', maskedPaths: [], readonlyPaths: [] }));
  assert.ok(mountAt(usual, '/sys')?.options.includes('ro') && mountAt(usual, '/sys/fs/cgroup')?.options.includes('ro'));
  assert.ok(mountAt(privileged, '/sys')?.options.includes('rw') && mountAt(privileged, '/sys/fs/cgroup')?.options.includes('rw'));
  assert.deepEqual(usual.linux.resources.devices[0], { allow: false, access: 'rwm' });
  assert.deepEqual(privileged.linux.resources.devices, [{ allow: true, access: 'rwm' }]);
  assert.deepEqual(usual.linux.maskedPaths, ['/proc/kcore']);
  assert.deepEqual(usual.linux.readonlyPaths, ['/proc/sys']);
  assert.ok('seccomp' in usual.linux && !('seccomp' in privileged.linux));
});

test('a profile of the request takes the place of the default one', () => {
  const spec = compose(security({ seccomp: '{"defaultAction":"SCMP_ACT_ALLOW"}' }));
  assert.equal(spec.linux.seccomp?.defaultAction, 'SCMP_ACT_ALLOW');
  assert.throws(() => compose(security({ seccomp: 'builtin?' })), { code: 'invalid' });
});

test('injected files are bound from where the runtime sees them', () => {
  const spec = compose({ files: [{ source: '/root/c/hosts', destination: '/etc/hosts' }] });
  assert.deepEqual(mountAt(spec, '/etc/hosts'), {
    destination: '/etc/hosts',
    type: 'bind',
    source: '/seen/root/c/hosts',
    options: ['rbind', 'rprivate'],
  });
});

test("a tmpfs has Docker's restrictions, but for those that were asked for otherwise", () => {
  const options = (text: string): readonly string[] | undefined => mountAt(compose({ tmpfs: { '/t': text } }), '/t')?.options;
  assert.deepEqual(options(''), ['noexec', 'nosuid', 'nodev']);
  assert.deepEqual(options('size=64k,exec'), ['nosuid', 'nodev', 'size=64k', 'exec']);
  assert.deepEqual(options('suid,dev,exec,mode=700'), ['suid', 'dev', 'exec', 'mode=700']);
});

test('the sizes, names and the read-only root are those of the request', () => {
  const spec = compose({ shmSize: 4096, domainname: 'example', ...security({ readonlyRoot: true }) });
  assert.ok(mountAt(spec, '/dev/shm')?.options.includes('size=4096'));
  assert.equal(spec.domainname, 'example');
  assert.equal(spec.hostname, 'host');
  assert.deepEqual(spec.root, { path: '/run/c/rootfs', readonly: true });
  assert.ok(!('domainname' in compose()));
});

test('with an init of ours its binary is there, and only then', () => {
  assert.deepEqual(mountAt(compose({ runInit: true }), '/sbin/docker-init')?.options, ['bind', 'ro']);
  assert.equal(mountAt(compose(), '/sbin/docker-init'), undefined);
});
