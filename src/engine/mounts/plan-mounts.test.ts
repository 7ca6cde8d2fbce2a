import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notFound } from '../../base/errors.ts';
import { containerRecord } from '../record-fixture.ts';
import type { HostConfig, MountRequest } from '../record.ts';
import type { MountPoint } from './mount-point.ts';
import { type MountPlan, planMounts } from './plan-mounts.ts';

const find = (reference: string): never => {
  throw notFound(`No such container: ${reference}`);
};
const plan = (host: HostConfig, volumes: Record<string, object> = {}): MountPlan => planMounts({ host, volumes, find });
const bind = (...binds: string[]): MountPlan => plan({ Binds: binds });
const mount = (...mounts: MountRequest[]): MountPlan => plan({ Mounts: mounts });
const refusal = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error, String(error));
    return `${String(error.code)} ${error.message}`;
  }
  return 'accepted';
};

const ROOT_TARGET = "invalid specification: destination can't be '/'";

// What dockerd 20.10 answers.
const REFUSED_BINDS: Readonly<Record<string, string>> = {
  '': "invalid volume specification: ''",
  ':/x': "invalid volume specification: ':/x'",
  '/x:rw': "invalid volume specification: '/x:rw'",
  'a:b:c:d': "invalid volume specification: 'a:b:c:d'",
  '/a:': "invalid volume specification: '/a:'",
  '/a:/b:bogus': 'invalid mode: bogus',
  '/a:/b:ro,rw': 'invalid mode: ro,rw',
  '/a:/b:slave,shared': 'invalid mode: slave,shared',
  'rel:/x:shared':
    'invalid volume specification: \'rel:/x:shared\': invalid mount config for type "volume": field BindOptions must not be specified',
  '/a:/': `invalid volume specification: '/a:/': invalid mount config for type "bind": ${ROOT_TARGET}`,
  '/a:/b/..': `invalid volume specification: '/a:/b/..': invalid mount config for type "bind": ${ROOT_TARGET}`,
  '/a:rel':
    "invalid volume specification: '/a:rel': invalid mount config for type \"bind\": invalid mount path: 'rel' mount path must be absolute",
};

for (const [text, message] of Object.entries(REFUSED_BINDS))
  test(`the bind "${text}" is refused`, () => {
    assert.equal(
      refusal(() => bind(text)),
      `invalid ${message}`,
    );
  });

const REFUSED_MOUNTS: readonly (readonly [MountRequest, string])[] = [
  [{ Type: 'bind', Source: '/a' }, 'field Target must not be empty'],
  [{ Type: 'bind', Source: '/a', Target: '/' }, ROOT_TARGET],
  [{ Type: 'bind', Source: '/a', Target: 'rel' }, "invalid mount path: 'rel' mount path must be absolute"],
  [{ Type: 'bind', Source: 'rel', Target: '/b' }, "invalid mount path: 'rel' mount path must be absolute"],
  [{ Type: 'bind', Source: '', Target: '/b' }, 'field Source must not be empty'],
  [{ Type: 'bind', Source: '/a', Target: '/b', BindOptions: { Propagation: 'bogus' } }, 'invalid propagation mode: bogus'],
  [{ Type: 'bind', Source: '/a', Target: '/b', VolumeOptions: {} }, 'field VolumeOptions must not be specified'],
  [
    { Type: 'bind', Source: '/a', Target: '/b', BindOptions: { ReadOnlyForceRecursive: true } },
    'mount source must be read-only when ReadOnlyForceRecursive is set',
  ],
  [{ Type: 'bogus', Source: '/a', Target: '/b' }, 'mount type unknown'],
  [{ Source: '/a', Target: '/b' }, 'mount type unknown'],
  [{ Type: 'npipe', Source: 'a', Target: '/b' }, 'mount type unknown'],
  [{ Type: 'volume', Target: '/b', BindOptions: {} }, 'field BindOptions must not be specified'],
  [{ Type: 'volume', Target: '/b', ReadOnly: true }, 'must not set ReadOnly mode when using anonymous volumes'],
  [{ Type: 'volume', Target: '/b', VolumeOptions: { Subpath: 'a' } }, 'must not set Subpath when using anonymous volumes'],
  [
    { Type: 'volume', Source: 'vol', Target: '/b', VolumeOptions: { Subpath: 'a/../../x' } },
    'subpath must be a relative path within the volume',
  ],
  [{ Type: 'volume', Source: 'vol', Target: '/b', VolumeOptions: { Subpath: '/a' } }, 'subpath must be a relative path within the volume'],
  [{ Type: 'tmpfs', Source: 'x', Target: '/b' }, 'field Source must not be specified'],
  [{ Type: 'tmpfs', Target: '/b', BindOptions: {} }, 'field BindOptions must not be specified'],
  [{ Type: 'tmpfs', Target: '/b', TmpfsOptions: { Options: [['bogus']] } }, 'invalid option: bogus'],
  [{ Type: 'tmpfs', Target: '/b', TmpfsOptions: { Options: [['uid', '0,exec']] } }, 'invalid option: uid=0,exec'],
];

for (const [request, message] of REFUSED_MOUNTS)
  test(`the mount ${JSON.stringify(request)} is refused`, () => {
    assert.equal(
      refusal(() => mount(request)),
      `invalid invalid mount config for type ${JSON.stringify(request.Type ?? '')}: ${message}`,
    );
  });

test('what Docker has and Abode has not is refused as that', () => {
  assert.match(
    refusal(() => mount({ Type: 'image', Source: 'a', Target: '/b' })),
    /^not-implemented /,
  );
});

const only = ({ points }: MountPlan): MountPoint => {
  assert.equal(points.length, 1);
  return points[0] ?? assert.fail();
};

test('a path is bound, a name is a volume, and a destination alone is a volume without a name', () => {
  const path = { type: 'bind', writable: true, mode: '', propagation: 'rprivate', recursive: true, readonlyBelow: 'possible' };
  assert.deepEqual(only(bind('/a/../b/:/c//d/')), { ...path, source: '/b', destination: '/c/d', makeSource: true });
  assert.deepEqual(only(mount({ Type: 'bind', Source: '/b', Target: '/c' })), {
    ...path,
    source: '/b',
    destination: '/c',
    makeSource: false,
  });
  const named = bind('data:/d:ro,nocopy');
  assert.deepEqual(only(named), {
    type: 'volume',
    name: 'data',
    destination: '/d',
    writable: false,
    mode: 'ro,nocopy',
    anonymous: false,
    copyUp: false,
    subpath: '',
    propagation: '',
  });
  assert.deepEqual(named.volumes, [{ name: 'data', driver: '', labels: null, options: null }]);
  const anonymous = plan({}, { '/d/': {} });
  const point = only(anonymous);
  assert.ok(point.type === 'volume' && point.anonymous && point.copyUp && point.destination === '/d' && point.mode === '');
  assert.match(point.name, /^[0-9a-f]{64}$/);
  assert.deepEqual(anonymous.volumes, [{ name: point.name, driver: '', labels: { 'com.docker.volume.anonymous': '' }, options: null }]);
});

test('modes say how it is mounted', () => {
  const point = only(bind('/a:/b:ro,rslave,z'));
  assert.deepEqual([point.writable, point.mode, point.type === 'bind' && point.propagation], [false, 'ro,rslave,z', 'rslave']);
  const options = { NonRecursive: true, CreateMountpoint: true, ReadOnlyNonRecursive: true };
  const other = only(mount({ Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: options }));
  assert.ok(other.type === 'bind' && !other.recursive && other.makeSource && other.readonlyBelow === 'no');
});

test('a tmpfs has the options that were asked for', () => {
  const options = { SizeBytes: 1 << 20, Mode: 0o1770, Options: [['exec'], ['uid', '5']] };
  const point = only(mount({ Type: 'tmpfs', Target: '/t', ReadOnly: true, TmpfsOptions: options }));
  assert.equal(point.type === 'tmpfs' && point.options, 'ro,mode=1770,size=1048576,exec,uid=5');
});

test('one place is taken once by what the request names; the image gives way', () => {
  assert.equal(
    refusal(() => bind('/a:/b', '/c:/b/')),
    'invalid Duplicate mount point: /b',
  );
  assert.equal(
    refusal(() => plan({ Binds: ['/a:/b'], Tmpfs: { '/b': '' } })),
    'invalid Duplicate mount point: /b',
  );
  assert.equal(
    refusal(() => plan({ Binds: ['/a:/b'], Mounts: [{ Type: 'bind', Source: '/c', Target: '/b' }] })),
    'invalid Duplicate mount point: /b',
  );
  assert.equal(only(plan({ Binds: ['/a:/b'] }, { '/b': {} })).type, 'bind');
});

test('volumes come from another container, as it has them or less', () => {
  const other = containerRecord({ mounts: bind('data:/d', '/h:/h:ro').points });
  const from = (text: string, host: HostConfig = {}): MountPlan =>
    planMounts({ host: { ...host, VolumesFrom: [text] }, volumes: {}, find: () => other });
  assert.deepEqual(
    from('other').points.map((point) => [point.type, point.destination, point.writable, point.mode]),
    [
      ['volume', '/d', true, ''],
      ['bind', '/h', false, ''],
    ],
  );
  assert.ok(from('other:ro').points.every(({ writable }) => !writable));
  assert.ok(from('other').points.every((point) => point.type !== 'volume' || !point.copyUp));
  assert.equal(from('other', { Binds: ['/x:/d'] }).points.find(({ destination }) => destination === '/d')?.type, 'bind');
  for (const [text, message] of [
    ['', 'volumes-from specification cannot be an empty string'],
    ['other:bogus', 'invalid mode: bogus'],
    ['other:ro:z', 'invalid mode: ro:z'],
    ['other:nocopy', 'invalid mode: nocopy'],
    ['other:rslave', 'invalid mode: rslave'],
  ] as const)
    assert.equal(
      refusal(() => from(text)),
      `invalid ${message}`,
    );
  assert.equal(
    refusal(() => plan({ VolumesFrom: ['nosuch'] })),
    'invalid No such container: nosuch',
  );
});
