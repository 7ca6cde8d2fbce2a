import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkedContainers, linkEnvironment, linkHosts, parseLink, resolveLinks } from './links.ts';
import { containerRecord, exited, running } from './record-fixture.ts';

const network = { network: 'bridge', address: '172.19.0.2', prefixLength: 16, gateway: '172.19.0.1', mac: '' };
const db = containerRecord({
  name: 'hp-db',
  state: running(),
  network,
  config: {
    Hostname: 'dbhost',
    Env: ['FOO=bar', 'X=a b', 'PATH=/bin', 'HOME=/'],
    ExposedPorts: { '9/udp': {}, '81/tcp': {}, '82/tcp': {}, '83/tcp': {}, '5432/tcp': {} },
  },
});

test('a link is written in three ways', () => {
  assert.deepEqual(parseLink('db:x'), { name: 'db', alias: 'x' });
  assert.deepEqual(parseLink('db'), { name: 'db', alias: 'db' });
  assert.deepEqual(parseLink('/db:/web/x'), { name: 'db', alias: 'x' });
  assert.throws(() => parseLink('a:b:c'), { code: 'invalid', message: 'bad format for links: a:b:c' });
  assert.throws(() => parseLink(''), { code: 'invalid', message: 'empty string specified for links' });
});

test('what is linked to must be there', () => {
  assert.deepEqual(
    resolveLinks(['hp-db:x', 'hp-db:'], () => db),
    [
      { container: db.id, name: 'hp-db', alias: 'x' },
      { container: db.id, name: 'hp-db', alias: 'hp-db' },
    ],
  );
  const missing = (): never => {
    throw new Error('No such container: no');
  };
  assert.throws(() => resolveLinks(['no:x'], missing), {
    code: 'invalid',
    message: 'could not get container for no: No such container: no',
  });
});

test('a start needs those that are there to run, and does without those that were removed', () => {
  const parent = containerRecord({ name: 'web', links: [{ container: db.id, name: 'hp-db', alias: 'x' }] });
  assert.deepEqual(
    linkedContainers(parent, () => db),
    [{ alias: 'x', address: '172.19.0.2', child: db }],
  );
  assert.deepEqual(
    linkedContainers(parent, () => undefined),
    [],
  );
  assert.throws(() => linkedContainers(parent, () => containerRecord({ ...db, state: exited() })), {
    message: 'Cannot link to a non running container: /hp-db AS /web/x',
  });
});

test('names and environment are those that Docker gives', () => {
  const link = { alias: 'my-db', address: '172.19.0.2', child: db };
  assert.equal(linkHosts([link, { ...link, alias: 'hp-db' }]), '172.19.0.2\tmy-db dbhost hp-db\n172.19.0.2\thp-db dbhost\n');
  assert.deepEqual(linkEnvironment({ name: 'web' }, link), [
    'MY_DB_PORT=udp://172.19.0.2:9',
    'MY_DB_PORT_81_TCP_START=tcp://172.19.0.2:81',
    'MY_DB_PORT_81_TCP_PORT_START=81',
    'MY_DB_PORT_81_TCP_END=tcp://172.19.0.2:83',
    'MY_DB_PORT_81_TCP_PORT_END=83',
    ...[
      ['9', 'udp'],
      ['81', 'tcp'],
      ['82', 'tcp'],
      ['83', 'tcp'],
      ['5432', 'tcp'],
    ].flatMap(([port = '', protocol = '']) => {
      const name = `MY_DB_PORT_${port}_${protocol.toUpperCase()}`;
      return [`${name}=${protocol}://172.19.0.2:${port}`, `${name}_ADDR=172.19.0.2`, `${name}_PORT=${port}`, `${name}_PROTO=${protocol}`];
    }),
    'MY_DB_NAME=/web/my-db',
    'MY_DB_ENV_FOO=bar',
    'MY_DB_ENV_X=a b',
  ]);
});
