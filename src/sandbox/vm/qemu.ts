/** QEMU's command line: the one description of Abode's machine, for a cold boot, a template and its clones alike. */
import { FieldsBuilder, fdOpen, Tag } from '../../agent-client/fields.ts';
import type { GuestFiles } from './guest-files.ts';
import { type Shape, TRANSLATED_BYTES } from './shape.ts';

export const QEMU = '/usr/bin/qemu-system-x86_64';

export type Accelerator = 'kvm' | 'tcg';

/**
 * Emulated, every feature of a processor costs at each entry into the kernel: x86-64-v2, which today's distributions need, and hardware
 * random numbers, but no SMAP and no XSAVE (docs/decisions/0008).
 */
const TCG_CPU = 'qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+lahf-lm,+rdrand';
/** An emulated processor does not speculate, so there is nothing to mitigate. */
const TCG_KERNEL = ' mitigations=off tsc=reliable';
/** What no container of a VM sees or asks for: pressure figures, profiles of LSMs that nobody loads, an audit log that nobody reads. */
const LEAN_KERNEL = 'psi=0 lsm=landlock,yama audit=0';
/** Of a VM for one container: the VM itself bounds what the kernel keeps for it, so that is not counted against the container once more. */
const OWN_KERNEL = ' cgroup.memory=nokmem';

/** What a template stands for; its clones have the same. */
export interface MachineType {
  readonly shape: Shape;
  readonly accelerator: Accelerator;
  /** Without a network card there is nothing to configure, and less to start. */
  readonly network: boolean;
  /**
   * What is on the writable disk at the start: an empty filesystem that the template has mounted already, with a container prepared
   * for it; or one that the guest has to mount, since others wrote to it before.
   */
  readonly data: 'prepared' | 'unmounted';
  /** Read-only disks for images: one for a VM of its own, several for a shared one. */
  readonly imageSlots: number;
}

export interface Tap {
  readonly name: string;
  readonly bridge: string | undefined;
  readonly mtu: number;
}

/** How the machine comes to life. */
export type Origin =
  | {
      readonly kind: 'boot';
      readonly guest: GuestFiles;
      /** A memory file that becomes a template's; undefined: anonymous memory. */ readonly memory: string | undefined;
    }
  | { readonly kind: 'clone'; readonly memory: string; readonly state: string; readonly paused: boolean };

export interface MachinePlan {
  readonly name: string;
  readonly type: MachineType;
  readonly origin: Origin;
  readonly tap: Tap | undefined;
  /** A writable disk, raw, of the nominal size. */
  readonly dataDisk: string;
  /** One path for each image slot; all padded to the nominal size. */
  readonly imageDisks: readonly string[];
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly cgroups: readonly string[];
  readonly consolePath: string;
  /** Whether it may get a file server. */
  readonly files?: boolean;
}

const Fd = { serial: 3, qmp: 4, tap: 5, memory: 6, state: 7, kernel: 8, initramfs: 9, files: 10, data: 20, image: 21 } as const;

// open(2)
const O_RDONLY = 0;
const O_RDWR = 2;

/** What QEMU may read besides the descriptors that it gets: itself, its libraries, its firmware. */
const READABLE = [
  '/usr/bin',
  '/usr/lib',
  '/usr/lib64',
  '/lib',
  '/lib64',
  '/usr/share/qemu',
  '/usr/share/seabios',
  '/etc/ld.so.cache',
  '/dev/urandom',
  '/dev/null',
];

export const IGNORE_SHARED: string = JSON.stringify({
  execute: 'migrate-set-capabilities',
  arguments: { capabilities: [{ capability: 'x-ignore-shared', state: true }] },
});

/** The payload of VM_START (docs/agent-protocol.md). */
export function vmStartFields(plan: MachinePlan): FieldsBuilder {
  const { origin, type } = plan;
  const fields = new FieldsBuilder()
    .addAll(Tag.ARG, [QEMU, ...commonArguments(plan), ...originArguments(plan)])
    .add(Tag.SERIAL_FD, Fd.serial)
    .add(Tag.QMP_FD, Fd.qmp)
    .add(Tag.UID, plan.uid)
    .add(Tag.GID, plan.gid)
    .addAll(Tag.GROUP, plan.groups)
    .addAll(Tag.CGROUP, plan.cgroups)
    .add(Tag.CONSOLE_PATH, plan.consolePath)
    .addAll(Tag.LANDLOCK_READ, READABLE)
    .add(Tag.FD_OPEN, fdOpen(Fd.data, O_RDWR, plan.dataDisk))
    .addAll(
      Tag.FD_OPEN,
      plan.imageDisks.map((path, slot) => fdOpen(Fd.image + slot, O_RDONLY, path)),
    );
  if (plan.files === true) fields.add(Tag.FILES_FD, Fd.files);
  if (type.accelerator === 'kvm') fields.add(Tag.LANDLOCK_READ, '/dev/kvm');
  if (plan.tap !== undefined) {
    fields.add(Tag.TAP_FD, Fd.tap).add(Tag.HOST_IF, plan.tap.name).add(Tag.BRIDGE, plan.tap.bridge).add(Tag.MTU, plan.tap.mtu);
  }
  if (origin.kind === 'boot') {
    fields
      .add(Tag.FD_OPEN, fdOpen(Fd.kernel, O_RDONLY, origin.guest.kernel))
      .add(Tag.FD_OPEN, fdOpen(Fd.initramfs, O_RDONLY, origin.guest.initramfs))
      .addAll(Tag.LANDLOCK_READ, [origin.guest.kernel, origin.guest.initramfs])
      .add(Tag.QMP_LINE, '{"execute":"qmp_capabilities"}');
    if (origin.memory !== undefined) fields.add(Tag.FD_OPEN, fdOpen(Fd.memory, O_RDWR, origin.memory));
  } else {
    fields
      .add(Tag.FD_OPEN, fdOpen(Fd.memory, O_RDWR, origin.memory))
      .add(Tag.FD_OPEN, fdOpen(Fd.state, O_RDONLY, origin.state))
      .addAll(Tag.QMP_LINE, [
        '{"execute":"qmp_capabilities"}',
        IGNORE_SHARED,
        JSON.stringify({ execute: 'migrate-incoming', arguments: { uri: `fd:${String(Fd.state)}` } }),
      ]);
  }
  return fields;
}

function commonArguments(plan: MachinePlan): string[] {
  const { shape, accelerator } = plan.type;
  return [
    ['-name', plan.name],
    ['-nodefaults', '-no-user-config', '-no-reboot'],
    ['-display', 'none'],
    ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ['-machine', 'pc,memory-backend=ram0,usb=off,vmport=off,hpet=off'],
    ['-accel', accelerator === 'kvm' ? 'kvm' : `tcg,tb-size=${String(TRANSLATED_BYTES / (1 << 20))}`],
    ['-cpu', accelerator === 'kvm' ? 'host' : TCG_CPU],
    ['-smp', String(shape.cpus)],
    ['-m', `${String(shape.memory / (1 << 20))}M`],
    ['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ['-chardev', `socket,id=qmp,fd=${String(Fd.qmp)}`, '-mon', 'chardev=qmp,mode=control'],
    ['-chardev', `socket,id=agent,fd=${String(Fd.serial)}`],
    ['-chardev', plan.files === true ? `socket,id=files,fd=${String(Fd.files)}` : 'null,id=files'],
    ['-device', 'virtio-serial-pci,max_ports=3'],
    ['-device', 'virtserialport,chardev=agent,name=abode.agent'],
    ['-device', 'virtserialport,chardev=files,name=abode.files'],
    disk('data', Fd.data, false),
    ...plan.imageDisks.map((_, slot) => disk(`image${String(slot)}`, Fd.image + slot, true)),
    network(plan),
  ].flat();
}

function disk(name: string, fd: number, readonly: boolean): string[] {
  // A cold boot of a template and a clone name the same nodes, so that the device state fits.
  const access = readonly ? 'read-only=on' : 'read-only=off,discard=unmap';
  return [
    ...['-add-fd', `fd=${String(fd)},set=${String(fd)}`],
    ...['-blockdev', `driver=file,node-name=${name}-file,filename=/dev/fdset/${String(fd)},${access},locking=off`],
    ...['-blockdev', `driver=raw,node-name=${name},file=${name}-file,${access}`],
    ...['-device', `virtio-blk-pci,drive=${name},id=${name}-disk,num-queues=1`],
  ];
}

function network(plan: MachinePlan): string[] {
  if (!plan.type.network) return [];
  return ['-netdev', `tap,id=net0,fd=${String(Fd.tap)}`, '-device', 'virtio-net-pci,netdev=net0,id=net0-card,romfile='];
}

function originArguments(plan: MachinePlan): string[] {
  const { origin, type } = plan;
  const size = `size=${String(type.shape.memory)}`;
  const memory = `/proc/self/fd/${String(Fd.memory)}`;
  if (origin.kind === 'clone') {
    return [
      ...['-object', `memory-backend-file,id=ram0,${size},mem-path=${memory},share=off`],
      ...['-incoming', 'defer'],
      ...(origin.paused ? ['-S'] : []),
    ];
  }
  return [
    '-object',
    origin.memory === undefined ? `memory-backend-ram,id=ram0,${size}` : `memory-backend-file,id=ram0,${size},mem-path=${memory},share=on`,
    ...['-kernel', `/proc/self/fd/${String(Fd.kernel)}`],
    ...['-initrd', `/proc/self/fd/${String(Fd.initramfs)}`],
    ...[
      '-append',
      `console=ttyS0 quiet panic=-1 reboot=t no_timer_check random.trust_cpu=on rdinit=/init ${LEAN_KERNEL}${type.imageSlots > 1 ? '' : OWN_KERNEL}${type.accelerator === 'tcg' ? TCG_KERNEL : ''}`,
    ],
  ];
}
