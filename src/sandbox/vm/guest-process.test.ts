import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fields, Tag } from '../../agent-client/fields.ts';
import { capabilityMask } from '../capabilities.ts';
import type { Security } from '../sandbox.ts';
import { compileBpf } from '../seccomp/bpf.ts';
import { customFilter } from '../seccomp/custom-filter.ts';
import { defaultFilter } from '../seccomp/default-filter.ts';
import { parseCustomProfile } from '../seccomp/oci.ts';
import { defaultProfile } from '../seccomp/profile.ts';
import { containerSpec, processSpec } from '../spec-fixture.ts';
import { initFields, processFields } from './guest-process.ts';

const HELD = ['CAP_CHOWN', 'CAP_KILL'];
const ALL = (1n << 41n) - 1n;

function fieldsOf(security: Partial<Security> = {}, execPrivileged = false): Fields {
  const spec = containerSpec({ security: { ...containerSpec().security, capabilities: HELD, ...security } });
  return Fields.parse(processFields(spec, processSpec({ privileged: execPrivileged }), '/root').build());
}

test('a process in a VM has the capabilities of its container and no more', () => {
  const fields = fieldsOf();
  for (const tag of [Tag.CAP_BOUNDING, Tag.CAP_EFFECTIVE, Tag.CAP_PERMITTED]) assert.equal(fields.bigint(tag), capabilityMask(HELD));
  for (const tag of [Tag.CAP_INHERITABLE, Tag.CAP_AMBIENT]) assert.equal(fields.bigint(tag), 0n);
  for (const privileged of [fieldsOf({ privileged: true }), fieldsOf({}, true)]) assert.equal(privileged.bigint(Tag.CAP_BOUNDING), ALL);
});

test("the seccomp filter is the default profile's for these capabilities, or none where none was asked for", () => {
  assert.deepEqual(fieldsOf().bytes(Tag.SECCOMP), compileBpf(defaultFilter(defaultProfile(HELD))));
  assert.notDeepEqual(fieldsOf({ capabilities: ['CAP_SYS_ADMIN'] }).bytes(Tag.SECCOMP), compileBpf(defaultFilter(defaultProfile(HELD))));
  for (const fields of [fieldsOf({ seccomp: 'unconfined' }), fieldsOf({ privileged: true }), fieldsOf({}, true)])
    assert.equal(fields.bytes(Tag.SECCOMP), undefined);
});

test("a profile of one's own is compiled for the first process and for those added, with the container's capabilities", () => {
  const rule = { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_KILL'] } };
  const seccomp = JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule] });
  const program = fieldsOf({ seccomp }).bytes(Tag.SECCOMP);
  assert.deepEqual(program, compileBpf(customFilter(parseCustomProfile(seccomp, HELD))));
  assert.notDeepEqual(program, fieldsOf({ seccomp, capabilities: [] }).bytes(Tag.SECCOMP));
  assert.equal(fieldsOf({ seccomp }, true).bytes(Tag.SECCOMP), undefined);
  assert.throws(() => fieldsOf({ seccomp: '{' }), { code: 'invalid' });
});

test('limits go by number, both of their values whole', () => {
  const spec = containerSpec({ rlimits: [{ name: 'RLIMIT_NOFILE', soft: 10n, hard: 2n ** 64n - 1n }] });
  const [limit] = Fields.parse(processFields(spec, spec.init, '/root').build()).all(Tag.RLIMIT);
  assert.deepEqual([limit?.readUInt32LE(0), limit?.readBigUInt64LE(8), limit?.readBigUInt64LE(16)], [7, 10n, 2n ** 64n - 1n]);
});

test('what belongs to the container as a whole comes with its first process only', () => {
  const spec = containerSpec({
    tmpfs: { '/t': 'size=1m' },
    sysctls: { 'net.ipv4.ip_forward': '1' },
    limits: { ...containerSpec().limits, memory: 1 << 20, microCpus: 500_000, pids: 9 },
    domainname: 'example',
  });
  const files = [{ destination: '/etc/hosts', content: Buffer.from('127.0.0.1 localhost\n') }];
  const exec = Fields.parse(processFields(spec, spec.init, '/root').build());
  const init = Fields.parse(initFields(processFields(spec, spec.init, '/root'), spec, files).build());
  const once = [Tag.MASKED, Tag.READONLY, Tag.FILE, Tag.TMPFS, Tag.SYSCTL, Tag.LIMIT_MEMORY, Tag.LIMIT_PIDS, Tag.HOSTNAME];
  for (const tag of once) assert.deepEqual([exec.all(tag).length, init.all(tag).length], [0, 1], String(tag));
  assert.deepEqual([init.string(Tag.TMPFS), init.string(Tag.SYSCTL)], ['/t:size=1m', 'net.ipv4.ip_forward=1']);
  assert.deepEqual([init.number(Tag.LIMIT_MEMORY), init.number(Tag.LIMIT_CPU), init.number(Tag.LIMIT_PIDS)], [1 << 20, 500_000, 9]);
});
