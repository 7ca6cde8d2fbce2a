import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notFound } from '../base/errors.ts';
import type { Sharing } from '../sandbox/sharing.ts';
import { containerRecord, exited, running } from './record-fixture.ts';
import type { ContainerRecord, HostConfig, Isolation } from './record.ts';
import { resolveSharing } from './resolve-sharing.ts';

const others: Record<string, ContainerRecord> = {
  up: containerRecord({ id: 'up', state: running({ pid: 7 }), host: { IpcMode: 'shareable' } }),
  closed: containerRecord({ id: 'closed', state: running({ pid: 8 }), host: { IpcMode: 'private' } }),
  down: containerRecord({ id: 'down', state: exited(0), host: { IpcMode: 'shareable' } }),
  guest: containerRecord({ id: 'guest', state: running({ pid: 9 }), isolation: { kind: 'hybrid', vm: 'a' } }),
  onHost: containerRecord({ id: 'onHost', state: running({ pid: 5 }), host: { IpcMode: 'host' } }),
};
const find = (reference: string): ContainerRecord => {
  const found = others[reference];
  if (found === undefined) throw notFound(`No such container: ${reference}`);
  return found;
};
const resolve = (host: HostConfig, isolation: Isolation = { kind: 'container', runtime: 'crun' }): Sharing | undefined =>
  resolveSharing(
    containerRecord({ id: 'me', host, isolation }),
    (reference) => (reference === 'me' ? containerRecord({ id: 'me' }) : find(reference)),
    (id) => `/run/${id}`,
  );

test('by default nothing is shared', () => {
  assert.equal(resolve({}), undefined);
  assert.equal(resolve({ IpcMode: 'private', NetworkMode: 'default' }), undefined);
});

test('of another container its namespaces are joined, by the pid of its init', () => {
  assert.deepEqual(resolve({ PidMode: 'container:up' }), { pid: { kind: 'join', path: '/proc/7/ns/pid' } });
  assert.deepEqual(resolve({ NetworkMode: 'container:closed' }), { network: { kind: 'join', path: '/proc/8/ns/net' } });
  assert.deepEqual(resolve({ IpcMode: 'container:up' }), {
    ipc: { kind: 'join', path: '/proc/7/ns/ipc' },
    shm: { kind: 'join', id: 'up', runDir: '/run/up' },
  });
  assert.deepEqual(resolve({ IpcMode: 'container:onHost' })?.shm, { kind: 'host' });
});

test('the host and nobody', () => {
  const host = { kind: 'host' };
  assert.deepEqual(resolve({ PidMode: 'host', IpcMode: 'host', UTSMode: 'host', NetworkMode: 'host', CgroupnsMode: 'host' }), {
    ...{ pid: host, ipc: host, uts: host, network: host, shm: host },
    cgroup: 'host',
  });
  assert.deepEqual(resolve({ IpcMode: 'none' }), { shm: { kind: 'none' } });
  assert.deepEqual(resolve({ IpcMode: 'shareable' }), { shm: { kind: 'shareable' } });
});

test('whom nobody can join is told with the reason', () => {
  for (const [host, message] of [
    [{ PidMode: 'container:down' }, 'cannot join PID of a non running container: down'],
    [{ NetworkMode: 'container:down' }, 'cannot join network of a non running container: down'],
    [{ NetworkMode: 'container:nosuch' }, 'No such container: nosuch'],
    [{ NetworkMode: 'container:me' }, 'cannot join own network'],
    [
      { IpcMode: 'container:closed' },
      'cannot join IPC of container closed: non-shareable IPC (hint: use IpcMode:shareable for the donor container)',
    ],
    [{ PidMode: 'container:guest' }, 'cannot join PID of container guest: it runs in the VM a, and this one runs on the host'],
  ] as const)
    assert.throws(() => resolve(host), { message }, message);
});

test('in a shared VM those of the same VM are joined', () => {
  assert.deepEqual(resolve({ PidMode: 'container:guest' }, { kind: 'hybrid', vm: 'a' }), { pid: { kind: 'join', path: '/proc/9/ns/pid' } });
  assert.throws(
    () => resolve({ PidMode: 'container:guest' }, { kind: 'hybrid', vm: 'b' }),
    /it runs in the VM a, and this one runs in the VM b/,
  );
});
