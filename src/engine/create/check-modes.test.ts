import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerConfig, HostConfig } from '../record.ts';
import { checkModes } from './check-modes.ts';
import { parseMode, parseNetworkMode } from './modes.ts';

const check = (host: HostConfig, config: Partial<ContainerConfig> = {}): void => {
  checkModes({ Image: 'x', ...config }, host);
};

const REFUSED: ReadonlyArray<readonly [HostConfig, Partial<ContainerConfig>, string]> = [
  [{ PidMode: 'bad' }, {}, 'invalid PID mode: bad'],
  [{ PidMode: 'private' }, {}, 'invalid PID mode: private'],
  [{ PidMode: 'container:' }, {}, 'invalid PID mode: container:'],
  [{ IpcMode: 'bad' }, {}, 'invalid IPC mode: bad'],
  [{ IpcMode: 'container:' }, {}, 'invalid IPC mode: container:'],
  [{ UTSMode: 'private' }, {}, 'invalid UTS mode: private'],
  [{ CgroupnsMode: 'bad' }, {}, 'invalid cgroup namespace mode: bad'],
  [{ UsernsMode: 'private' }, {}, 'invalid user namespace mode: private'],
  [{ NetworkMode: 'container:' }, {}, 'Invalid network mode: invalid container format container:<name|id>'],
  [{ UTSMode: 'host' }, { Hostname: 'x' }, 'conflicting options: hostname and the UTS mode'],
  [{ UTSMode: 'host' }, { Domainname: 'x' }, 'conflicting options: domainname and the UTS mode'],
  [{ NetworkMode: 'container:a' }, { Hostname: 'x' }, 'conflicting options: hostname and the network mode'],
  [{ NetworkMode: 'container:a', Dns: ['1.1.1.1'] }, {}, 'conflicting options: dns and the network mode'],
  [{ NetworkMode: 'container:a', ExtraHosts: ['a:1.1.1.1'] }, {}, 'conflicting options: custom host-to-IP mapping and the network mode'],
  [{ NetworkMode: 'container:a' }, { MacAddress: '02:42:ac:11:00:09' }, 'conflicting options: mac-address and the network mode'],
  [{ NetworkMode: 'container:a', PublishAllPorts: true }, {}, 'conflicting options: port publishing and the container type network mode'],
  [
    { NetworkMode: 'container:a', PortBindings: { '80/tcp': [] } },
    {},
    'conflicting options: port publishing and the container type network mode',
  ],
  [
    { NetworkMode: 'container:a' },
    { ExposedPorts: { '80/tcp': {} } },
    'conflicting options: port exposing and the container type network mode',
  ],
  [
    { NetworkMode: 'container:a', Links: ['b'] },
    {},
    "conflicting options: container type network can't be used with links. This would result in undefined behavior",
  ],
  [
    { NetworkMode: 'host', Links: ['b'] },
    {},
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  ],
  [{ Sysctls: { 'vm.swappiness': '1' } }, {}, 'sysctl "vm.swappiness" is not in a separate kernel namespace'],
  [
    { NetworkMode: 'host', Sysctls: { 'net.core.somaxconn': '1' } },
    {},
    'sysctl "net.core.somaxconn" not allowed in host network namespace',
  ],
  [{ IpcMode: 'host', Sysctls: { 'kernel.msgmax': '1' } }, {}, 'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace'],
  [{ IpcMode: 'host', Sysctls: { 'fs.mqueue.msg_max': '1' } }, {}, 'sysctl "fs.mqueue.msg_max" is not allowed in the hosts ipc namespace'],
  [{ Isolation: 'hyperv' }, {}, 'Invalid isolation: "hyperv" - linux only supports \'default\''],
  [{ IOMaximumIOps: 1 }, {}, 'Invalid QoS settings: linux does not support configuration of maximum IOPs'],
  [{ StorageOpt: { foo: '1' } }, {}, 'Unknown option foo'],
];

test("modes that are none and options that exclude each other are refused in Docker's words", () => {
  for (const [host, config, message] of REFUSED) {
    assert.throws(
      () => {
        check(host, config);
      },
      { code: 'invalid', message },
      message,
    );
  }
});

test('a size of the root filesystem is refused with the reason', () => {
  assert.throws(() => {
    check({ StorageOpt: { size: '1g' } });
  }, /^AbodeError: --storage-opt is supported only for overlay over xfs with 'pquota' mount option/);
});

test('what excludes nothing is allowed', () => {
  check(
    { NetworkMode: 'host', UTSMode: '', Dns: ['1.1.1.1'], ExtraHosts: ['a:1.1.1.1'], Sysctls: { 'kernel.sem': '1' } },
    { Hostname: 'x' },
  );
  check({ PidMode: 'host', IpcMode: 'shareable', UTSMode: 'host', CgroupnsMode: 'host', UsernsMode: 'host', Isolation: 'Default' });
  check({ IpcMode: 'none', PidMode: 'container:a', NetworkMode: 'container:b', Sysctls: { 'net.core.somaxconn': '1' } });
});

test('a mode is read as Docker reads it', () => {
  for (const text of [undefined, '', 'private']) assert.deepEqual(parseMode(text), { kind: 'own' });
  assert.deepEqual(parseMode('container:a:b'), { kind: 'container', reference: 'a:b' });
  for (const text of [undefined, '', 'default', 'bridge']) assert.deepEqual(parseNetworkMode(text), { kind: 'own' });
  assert.deepEqual(parseNetworkMode('host'), { kind: 'host' });
  assert.deepEqual(parseNetworkMode('none'), { kind: 'named', name: 'none' });
});
