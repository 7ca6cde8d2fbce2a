import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostConfig, Isolation } from '../record.ts';
import { refuseForIsolation } from './refuse-for-isolation.ts';

const HOST: Isolation = { kind: 'container', runtime: 'crun' };
const VM: Isolation = { kind: 'vm', boot: 'template' };
const SHARED: Isolation = { kind: 'hybrid', vm: 'a' };

/** What is refused in a VM of its own, and whether a shared one refuses it too. */
const CASES: ReadonlyArray<readonly [HostConfig, inVm: boolean, inShared: boolean]> = [
  [{ Devices: [{ PathOnHost: '/dev/null' }] }, true, true],
  [{ PidMode: 'host' }, true, true],
  [{ IpcMode: 'host' }, true, true],
  [{ UTSMode: 'host' }, true, true],
  [{ NetworkMode: 'host' }, true, true],
  [{ PidMode: 'container:a' }, true, false],
  [{ IpcMode: 'container:a' }, true, false],
  [{ NetworkMode: 'container:a' }, true, false],
  [{ IpcMode: 'none' }, true, false],
  [{ CgroupnsMode: 'host' }, true, false],
  [{ DeviceCgroupRules: ['c 1:1 r'] }, true, false],
  [{ CgroupParent: '/a' }, false, true],
  [{ IpcMode: 'shareable', UsernsMode: 'host', CgroupnsMode: 'private' }, false, false],
];

test('what has no meaning in a VM is refused by name, with a reason; on the host it is not', () => {
  for (const [host, inVm, inShared] of CASES) {
    const refuse = (isolation: Isolation) => (): void => {
      refuseForIsolation(host, isolation);
    };
    const [field = ''] = Object.keys(host);
    const refusal = new RegExp(`^AbodeError: --.*\\(HostConfig\\.${field}\\) is not possible for a container in a .*VM.*: .+`);
    assert.doesNotThrow(refuse(HOST));
    for (const [isolation, refused] of [
      [VM, inVm],
      [SHARED, inShared],
    ] as const) {
      if (refused) assert.throws(refuse(isolation), refusal);
      else assert.doesNotThrow(refuse(isolation));
    }
  }
});
