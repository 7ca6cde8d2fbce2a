/** Legacy links and fixed MAC addresses on the default bridge. */
import assert from 'node:assert/strict';
import { conformance, Subject } from '../fixtures/conformance.ts';

const { behaviour } = conformance();

const ADDRESS = '{{.NetworkSettings.IPAddress}}';

behaviour('a link gives names, environment, and another name in the list', async (subject) => {
  const child = new Subject(subject.daemon, subject.isolation);
  await child.background(
    ['-e', 'FOO=b r', '--expose', '81', '--hostname', 'dbhost'],
    'sh',
    '-c',
    'while :; do echo served | nc -l -p 81; done',
  );
  const address = await child.inspect(ADDRESS);
  await subject.background(['--link', `${child.name}:the-db`], 'sleep', '1000');
  const name = `/${subject.name}/the-db`;
  const expected = [
    'THE_DB_ENV_FOO=b r',
    `THE_DB_NAME=${name}`,
    `THE_DB_PORT=tcp://${address}:81`,
    `THE_DB_PORT_81_TCP=tcp://${address}:81`,
    `THE_DB_PORT_81_TCP_ADDR=${address}`,
    'THE_DB_PORT_81_TCP_PORT=81',
    'THE_DB_PORT_81_TCP_PROTO=tcp',
  ];
  for (const read of ["tr '\\0' '\\n' < /proc/1/environ", 'env'])
    assert.deepEqual((await subject.exec([], 'sh', '-c', `${read} | grep ^THE_DB | sort`)).stdout.trimEnd().split('\n'), expected, read);
  const hosts = (await subject.exec([], 'cat', '/etc/hosts')).stdout;
  assert.ok(hosts.includes(`${address}\tthe-db dbhost ${child.name}\n`), hosts);
  for (const host of ['the-db', 'dbhost', child.name])
    assert.equal(
      (await subject.exec([], 'sh', '-c', `for i in 1 2 3 4 5; do nc -w 5 ${host} 81 < /dev/null && exit; sleep 0.5; done`)).stdout,
      'served\n',
      host,
    );
  assert.equal(await subject.inspect('{{json .HostConfig.Links}}'), `["/${child.name}:${name}"]`);
  const listed = JSON.parse(await subject.daemon.call('GET', `/containers/json?filters={"name":["${child.name}"]}`)) as Array<{
    Names: string[];
  }>;
  assert.deepEqual(listed[0]?.Names, [`/${child.name}`, name]);
  assert.equal((await subject.docker('rm', '--link', `${subject.name}/the-db`)).code, 0);
  assert.equal(await subject.inspect('{{json .HostConfig.Links}}'), 'null');
});

behaviour('who is linked to keeps its address over a restart, as long as the other runs', async (subject) => {
  const child = new Subject(subject.daemon, subject.isolation);
  await child.background([], 'sleep', '1000');
  const address = await child.inspect(ADDRESS);
  await subject.background(['--link', child.name], 'sleep', '1000');
  await child.docker('restart', '-t', '0', child.name);
  assert.equal(await child.inspect(ADDRESS), address);
  await subject.docker('stop', '-t', '0', subject.name, child.name);
  await child.docker('start', child.name);
  assert.notEqual(await child.inspect(ADDRESS), address, 'given back with the end of who linked to it');
});

behaviour('a link to what does not run, or is not there, is an error; one to what was removed is gone', async (subject) => {
  const child = new Subject(subject.daemon, subject.isolation);
  await child.create([], 'sleep', '1000');
  const missing = await subject.docker('create', ...subject.isolation.options, '--link', 'nosuch:x', 'abode/base', 'true');
  assert.match(missing.stderr, /could not get container for nosuch: No such container: nosuch/);
  await subject.create(['--link', `${child.name}:x`], 'sleep', '1000');
  const refused = await subject.docker('start', subject.name);
  assert.match(refused.stderr, new RegExp(`Cannot link to a non running container: /${child.name} AS /${subject.name}/x`));
  assert.equal(await subject.inspect('{{.State.Status}} {{.State.ExitCode}}'), 'created 128');
  await child.docker('rm', child.name);
  assert.equal((await subject.docker('start', subject.name)).stderr, '');
});

behaviour('a fixed MAC address', async (subject) => {
  await subject.background(['--mac-address', '02-11-22-AB-44-55'], 'sleep', '1000');
  assert.equal((await subject.exec([], 'cat', '/sys/class/net/eth0/address')).stdout, '02:11:22:ab:44:55\n');
  assert.equal(await subject.inspect('{{.NetworkSettings.Networks.bridge.MacAddress}}'), '02:11:22:ab:44:55');
  const gateway = await subject.inspect('{{.NetworkSettings.Gateway}}');
  assert.equal((await subject.exec([], 'ping', '-c', '1', '-W', '10', gateway)).code, 0);
  await subject.docker('restart', '-t', '0', subject.name);
  assert.equal((await subject.exec([], 'cat', '/sys/class/net/eth0/address')).stdout, '02:11:22:ab:44:55\n');
});
