import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fields, Tag } from '../../agent-client/fields.ts';
import { type Accelerator, type MachinePlan, type MachineType, type Origin, QEMU, vmStartFields } from './qemu.ts';

const guest = { kernel: '/g/vmlinuz', initramfs: '/g/initramfs.cpio', hash: 'h', kernelVersion: '6' };
const type: MachineType = { shape: { memory: 1 << 30, cpus: 2 }, accelerator: 'tcg', network: true, data: 'prepared', imageSlots: 2 };
const cold: Origin = { kind: 'boot', guest, memory: undefined };
const template: Origin = { kind: 'boot', guest, memory: '/proc/1/fd/9' };
const clone: Origin = { kind: 'clone', memory: '/proc/1/fd/9', state: '/t/state', paused: false };

function plan(origin: Origin, more: Partial<MachinePlan> = {}): MachinePlan {
  return {
    name: 'abode-x',
    type,
    origin,
    tap: { name: 'abt0', bridge: 'abode0', mtu: 1500 },
    dataDisk: '/c/data.img',
    imageDisks: ['/i/0', '/i/1'],
    uid: 64_000,
    gid: 64_001,
    groups: [],
    cgroups: ['/sys/fs/cgroup/memory/x'],
    consolePath: '/c/console',
    ...more,
  };
}

const fieldsOf = (machine: MachinePlan): Fields => Fields.parse(vmStartFields(machine).build());
const texts = (machine: MachinePlan, tag: Tag): string[] => fieldsOf(machine).all(tag).map(String);
const args = (machine: MachinePlan): string[] => texts(machine, Tag.ARG);

/** Options with their values, in order: `-device x`. */
function options(machine: MachinePlan): string[] {
  const result: string[] = [];
  for (const arg of args(machine).slice(1)) {
    if (arg.startsWith('-')) result.push(arg);
    else result.push(`${result.pop() ?? ''} ${arg}`);
  }
  return result;
}

interface OpenFile {
  readonly fd: number;
  readonly flags: number;
  readonly path: string;
}

function opened(machine: MachinePlan): OpenFile[] {
  return fieldsOf(machine)
    .all(Tag.FD_OPEN)
    .map((data) => ({ fd: data.readUInt32LE(0), flags: data.readUInt32LE(4), path: data.subarray(8).toString() }));
}

const WAYS_TO_LIFE = /^-(object|kernel|initrd|append|incoming|S)\b/;
const rest = (machine: MachinePlan): string[] => options(machine).filter((option) => !WAYS_TO_LIFE.test(option));

test('a clone and its template differ only in how they come to life', () => {
  assert.deepEqual(rest(plan(clone)), rest(plan(template)));
  assert.deepEqual(rest(plan(cold)), rest(plan(template)));
  assert.notDeepEqual(options(plan(clone)), options(plan(template)));
});

test('what is its own is not on the command line of a clone: disks, taps and groups come as descriptors', () => {
  const other = plan(clone, {
    tap: { name: 'abt1', bridge: 'other', mtu: 9000 },
    dataDisk: '/d/data.img',
    imageDisks: ['/j/0', '/j/1'],
    uid: 1,
    gid: 2,
    groups: [3],
    cgroups: [],
    consolePath: '/d/console',
  });
  assert.deepEqual(args(other), args(plan(clone)));
  assert.deepEqual(
    options(plan(clone, { name: 'abode-y' })).filter((option) => !option.startsWith('-name')),
    options(plan(clone)).filter((option) => !option.startsWith('-name')),
  );
});

test("a clone maps its template's memory privately, loads its state, and boots no kernel", () => {
  const machine = plan(clone);
  assert.match(
    args(machine).join(' '),
    /-object memory-backend-file,id=ram0,size=1073741824,mem-path=\/proc\/self\/fd\/6,share=off -incoming defer/,
  );
  assert.ok(!options(machine).some((option) => /^-(kernel|initrd|append)\b/.test(option)));
  const lines = texts(machine, Tag.QMP_LINE).map((line) => JSON.parse(line) as { execute: string; arguments?: object });
  assert.deepEqual(
    lines.map(({ execute }) => execute),
    ['qmp_capabilities', 'migrate-set-capabilities', 'migrate-incoming'],
  );
  const state = opened(machine).find(({ path }) => path === '/t/state');
  assert.deepEqual(lines[2]?.arguments, { uri: `fd:${String(state?.fd)}` });
  assert.equal(state?.flags, 0);
});

test('every machine has a port for files, which leads to a server where there may be one', () => {
  assert.match(args(plan(clone)).join(' '), /-chardev null,id=files .*virtserialport,chardev=files,name=abode\.files/);
  assert.equal(fieldsOf(plan(clone)).number(Tag.FILES_FD), undefined);
  const machine = plan(clone, { files: true });
  assert.match(args(machine).join(' '), /-chardev socket,id=files,fd=10 /);
  assert.equal(fieldsOf(machine).number(Tag.FILES_FD), 10);
});

test('a paused clone waits to be continued, another runs', () => {
  assert.ok(options(plan({ ...clone, paused: true })).includes('-S'));
  assert.ok(!options(plan(clone)).includes('-S'));
});

test('a template shares its memory with the file that will be sealed; a cold boot has memory of its own', () => {
  assert.match(args(plan(template)).join(' '), /memory-backend-file,id=ram0,size=1073741824,mem-path=\/proc\/self\/fd\/6,share=on/);
  assert.match(args(plan(cold)).join(' '), /memory-backend-ram,id=ram0,size=1073741824/);
  assert.ok(!opened(plan(cold)).some(({ fd }) => fd === 6));
});

test('the image disks are read-only for QEMU and for the guest, the data disk is not', () => {
  for (const origin of [cold, template, clone]) {
    const machine = plan(origin);
    const files = new Map(opened(machine).map((file) => [file.path, file]));
    assert.deepEqual(
      ['/i/0', '/i/1', '/c/data.img'].map((path) => files.get(path)?.flags),
      [0, 0, 2],
    );
    for (const block of options(machine).filter((option) => option.startsWith('-blockdev')))
      assert.equal(block.includes('read-only=on'), block.includes('node-name=image'), block);
  }
});

test('every descriptor that the command line names is handed over, none twice', () => {
  for (const origin of [cold, template, clone]) {
    const machine = plan(origin);
    const fields = fieldsOf(machine);
    const given = [
      ...opened(machine).map(({ fd }) => fd),
      ...[Tag.SERIAL_FD, Tag.QMP_FD, Tag.TAP_FD].flatMap((tag) => fields.number(tag) ?? []),
    ];
    assert.equal(new Set(given).size, given.length, 'a number given twice');
    const named = [
      ...args(machine)
        .join(' ')
        .matchAll(/(?:\bfd=|\/proc\/self\/fd\/|\/dev\/fdset\/)(\d+)/g),
    ].map(([, fd]) => Number(fd));
    assert.ok(named.length > 0);
    for (const fd of named) assert.ok(given.includes(fd), `descriptor ${String(fd)}`);
  }
});

test('QEMU is confined: its own sandbox, no defaults, an unprivileged user, and little that it may read', () => {
  for (const origin of [cold, template, clone]) {
    const machine = plan(origin);
    assert.ok(options(machine).includes('-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'));
    assert.ok(options(machine).includes('-nodefaults') && options(machine).includes('-no-user-config'));
    const fields = fieldsOf(machine);
    assert.deepEqual([fields.number(Tag.UID), fields.number(Tag.GID)], [64_000, 64_001]);
    assert.deepEqual(texts(machine, Tag.CGROUP), ['/sys/fs/cgroup/memory/x']);
    for (const path of texts(machine, Tag.LANDLOCK_READ))
      assert.match(path, /^\/(usr\/(bin|lib|lib64|share\/(qemu|seabios))|lib|lib64|etc\/ld\.so\.cache|dev\/(urandom|null)|g\/.*)$/);
  }
});

test('a machine without network has neither card nor tap', () => {
  const machine = plan(clone, { type: { ...type, network: false }, tap: undefined });
  assert.ok(!args(machine).some((arg) => /tap|virtio-net/.test(arg)));
  assert.equal(fieldsOf(machine).number(Tag.TAP_FD), undefined);
});

test('the accelerator decides the processor, and only hardware needs its device', () => {
  const machine = (accelerator: Accelerator): MachinePlan => plan(cold, { type: { ...type, accelerator } });
  assert.ok(options(machine('kvm')).includes('-cpu host'));
  assert.ok(!options(machine('tcg')).includes('-cpu host'));
  assert.deepEqual(
    (['kvm', 'tcg'] as const).map((accelerator) => texts(machine(accelerator), Tag.LANDLOCK_READ).includes('/dev/kvm')),
    [true, false],
  );
  assert.match(args(machine('kvm')).join(' '), /-accel kvm /);
});

test('the shape is what the machine has', () => {
  assert.equal(args(plan(cold))[0], QEMU);
  assert.ok(options(plan(cold)).includes('-m 1024M') && options(plan(cold)).includes('-smp 2'));
});
