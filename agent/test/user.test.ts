import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType } from '../../src/agent-client/frame.ts';
import { PATIENCE_MS } from './exit.ts';
import { refused, ShimFixture } from './shim-fixture.ts';

const options = { timeout: 2 * PATIENCE_MS };

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
app:x:1000:1001:App,,,:/home/app:/bin/sh
twin:x:1000:1002:second of the same number:/home/twin:/bin/sh
homeless:x:1003:1003:::
`;
const GROUP = `root:x:0:
daemon:x:1:
app:x:1001:
audio:x:29:app,daemon
video:x:44:daemon,app
approx:x:45:approximately,appendix
docker:x:999:
`;

interface Resolved {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly groups: readonly number[];
  readonly home: string | undefined;
}

async function write(shim: ShimFixture, passwd: string | Buffer | undefined, group: string | Buffer | undefined): Promise<void> {
  await mkdir(shim.path('root/etc'), { recursive: true });
  for (const [name, content] of [
    ['passwd', passwd],
    ['group', group],
  ] as const) {
    await rm(shim.path(`root/etc/${name}`), { recursive: true, force: true });
    if (content !== undefined) await writeFile(shim.path(`root/etc/${name}`), content);
  }
}

async function resolve(shim: ShimFixture, user: string, groupAdd: readonly string[] = []): Promise<Resolved> {
  const fields = new FieldsBuilder().add(Tag.ROOT, shim.path('root')).add(Tag.USER, user).addAll(Tag.GROUP_ADD, groupAdd);
  const answer = await shim.request(FrameType.RESOLVE_USER, fields);
  return {
    uid: answer.number(Tag.UID),
    gid: answer.number(Tag.GID),
    groups: answer.numbers(Tag.GROUP),
    home: answer.string(Tag.HOME),
  };
}

const cases: ReadonlyArray<readonly [user: string, groupAdd: readonly string[], expected: Resolved]> = [
  ['', [], { uid: 0, gid: 0, groups: [0], home: '/root' }],
  ['root', [], { uid: 0, gid: 0, groups: [0], home: '/root' }],
  ['app', [], { uid: 1000, gid: 1001, groups: [1001, 29, 44], home: '/home/app' }],
  ['1000', [], { uid: 1000, gid: 1001, groups: [1001, 29, 44], home: '/home/app' }],
  ['twin', [], { uid: 1000, gid: 1002, groups: [1002], home: '/home/twin' }],
  ['4242', [], { uid: 4242, gid: 0, groups: [0], home: '/' }],
  ['app:docker', [], { uid: 1000, gid: 999, groups: [999], home: '/home/app' }],
  ['app:7', [], { uid: 1000, gid: 7, groups: [7], home: '/home/app' }],
  ['4242:4243', [], { uid: 4242, gid: 4243, groups: [4243], home: '/' }],
  [':docker', [], { uid: 0, gid: 999, groups: [999], home: '/root' }],
  ['app:', [], { uid: 1000, gid: 1001, groups: [1001, 29, 44], home: '/home/app' }],
  ['app', ['docker', '29', '5'], { uid: 1000, gid: 1001, groups: [1001, 29, 44, 999, 5], home: '/home/app' }],
  ['app:docker', ['audio'], { uid: 1000, gid: 999, groups: [999, 29], home: '/home/app' }],
  ['homeless', [], { uid: 1003, gid: 1003, groups: [1003], home: '/' }],
  ['2147483647', [], { uid: 2147483647, gid: 0, groups: [0], home: '/' }],
];

test('users and groups resolve as in Docker', options, async () => {
  await using shim = await ShimFixture.start();
  await write(shim, PASSWD, GROUP);
  for (const [user, groupAdd, expected] of cases) assert.deepEqual(await resolve(shim, user, groupAdd), expected, `user "${user}"`);
});

test('what cannot be resolved is refused in the words of Docker', options, async () => {
  await using shim = await ShimFixture.start();
  await write(shim, PASSWD, GROUP);
  await refused(resolve(shim, 'nobody'), 'invalid', /^unable to find user nobody: no matching entries in passwd file$/);
  await refused(resolve(shim, 'app:nogroup'), 'invalid', /^unable to find group nogroup: no matching entries in group file$/);
  await refused(resolve(shim, 'app', ['nogroup']), 'invalid', /^unable to find group nogroup: no matching entries in group file$/);
  for (const user of ['-1', '2147483648', '4294967295', 'app:-1', 'app:2147483648'])
    await refused(resolve(shim, user), 'invalid', /range 0-2147483647/);
  await refused(resolve(shim, '18446744073709551616'), 'invalid', /unable to find user/);
  await refused(resolve(shim, 'app\0root'), 'invalid', /text/);
});

test('without files numbers work and names do not', options, async () => {
  await using shim = await ShimFixture.start();
  await write(shim, undefined, undefined);
  assert.deepEqual(await resolve(shim, ''), { uid: 0, gid: 0, groups: [0], home: '/' });
  assert.deepEqual(await resolve(shim, '5:6', ['7']), {
    uid: 5,
    gid: 6,
    groups: [6, 7],
    home: '/',
  });
  await refused(resolve(shim, 'root'), 'invalid', /unable to find user root/);
  await write(shim, '', '');
  assert.deepEqual(await resolve(shim, '5'), { uid: 5, gid: 0, groups: [0], home: '/' });
});

test('odd lines are skipped: no number is no user 0', options, async () => {
  await using shim = await ShimFixture.start();
  const passwd =
    '\n# comment\n:::::\nroot\nevil:x::\nevil:x:abc:0::/:\nevil:x:0x0:0::/:\nevil:x:-1:0::/:\nevil:x:99999999999999999999:0::/:\n  app:x:7:8::/a:b:c\r\nlast:x:9:9::/last';
  await write(shim, passwd, 'x\n:::\nlast:x:33');
  for (const user of ['root', 'evil', '# comment']) await refused(resolve(shim, user), 'invalid', /unable to find user/);
  assert.deepEqual(await resolve(shim, 'app'), { uid: 7, gid: 8, groups: [8], home: '/a' });
  assert.deepEqual(await resolve(shim, 'last:last'), {
    uid: 9,
    gid: 33,
    groups: [33],
    home: '/last',
  });
});

test('no link leads out of the root', options, async () => {
  await using shim = await ShimFixture.start();
  await write(shim, undefined, undefined);
  await writeFile(shim.path('passwd'), 'outside:x:1:1::/:\n');
  for (const target of [
    shim.path('passwd'),
    '../../passwd',
    '../../../../../../etc/passwd',
    '/etc/passwd',
    '/proc/self/root/etc/passwd',
    'passwd',
  ]) {
    await rm(shim.path('root/etc/passwd'), { force: true });
    await symlink(target, shim.path('root/etc/passwd'));
    for (const name of ['outside', 'root', 'daemon']) await refused(resolve(shim, name), 'invalid', /unable to find user/);
  }
  await rm(shim.path('root/etc'), { recursive: true });
  await symlink('/etc', shim.path('root/etc'));
  await refused(resolve(shim, 'daemon'), 'invalid', /unable to find user/);
  await rm(shim.path('root/etc'));
  await mkdir(shim.path('root/real/etc'), { recursive: true });
  await writeFile(shim.path('root/real/etc/passwd'), 'inside:x:5:5::/in:\n');
  await symlink('/real/etc', shim.path('root/etc'));
  assert.equal((await resolve(shim, 'inside')).uid, 5, 'an absolute link starts at the root');
});

test('a file that is none does not make it wait', options, async () => {
  await using shim = await ShimFixture.start();
  await write(shim, undefined, GROUP);
  execFileSync('mkfifo', [shim.path('root/etc/passwd')]);
  await refused(resolve(shim, 'app'), 'invalid', /unable to find user/);
  await rm(shim.path('root/etc/passwd'));
  await mkdir(shim.path('root/etc/passwd'));
  await refused(resolve(shim, 'app'), 'invalid', /unable to find user/);
});

test('long lines and large files are read or refused, never cut', options, async () => {
  await using shim = await ShimFixture.start();
  const members = Array.from({ length: 100_000 }, (_, i) => `m${String(i)}`).join(',');
  await write(shim, `${'x'.repeat(1_000_000)}\n${PASSWD}`, `big:x:70:${members},app\n${GROUP}`);
  assert.deepEqual((await resolve(shim, 'app')).groups, [1001, 70, 29, 44]);
  await write(shim, `app:x:1:1::/${'h'.repeat(300)}:\n`, GROUP);
  await refused(resolve(shim, 'app'), 'invalid', /home directory/);
  await write(shim, PASSWD, Array.from({ length: 100 }, (_, i) => `g${String(i)}:x:${String(2000 + i)}:app\n`).join(''));
  await refused(resolve(shim, 'app'), 'invalid', /more than 64 groups/);
  await write(shim, Buffer.alloc(5_000_000, '\n'), GROUP);
  await refused(resolve(shim, 'app'), 'invalid', /larger than 4 MiB/);
  await write(shim, Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) & 0xff)), Buffer.alloc(100_000));
  await refused(resolve(shim, 'app'), 'invalid', /unable to find user/);
});

test('a root that is not there is an error of the system', options, async () => {
  await using shim = await ShimFixture.start();
  await refused(resolve(shim, 'app'), 'system', /No such file/);
});
