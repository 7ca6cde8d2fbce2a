/** A running QEMU below its shim: started from a plan, asked through the guest's agent and QMP. */
import { randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Fields, FieldsBuilder, fdOpen, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { AbodeError } from '../../base/errors.ts';
import { type Shim } from '../shim.ts';
import { type MachinePlan, vmStartFields } from './qemu.ts';

const Reply = Type.Object({
  return: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.Object({ class: Type.String(), desc: Type.String() })),
});

const QEMU_MS = 30_000;
const GUEST_MS = 120_000;

const O_RDONLY = 0;

// mount(2)
const MS_RDONLY = 1;
const MS_NOATIME = 1024;

export interface GuestMount {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly readonly?: boolean;
  readonly noatime?: boolean;
  readonly data?: string;
  /** More of mount(2)'s flags. */
  readonly flags?: number;
}

export class Machine {
  readonly shim: Shim;
  #fdset = Math.floor(Date.now() % 1_000_000) + 1000;

  constructor(shim: Shim) {
    this.shim = shim;
  }

  /** Starts QEMU. Requests to the guest may follow at once: they wait until its agent is there. */
  async launch(plan: MachinePlan): Promise<void> {
    await this.shim.request(FrameType.VM_START, vmStartFields(plan), 0, QEMU_MS);
  }

  /** Resolves when the guest's agent has answered. */
  async guest(deadlineMs: number): Promise<void> {
    await this.shim.request(FrameType.GUEST, new FieldsBuilder().add(Tag.GRACE, deadlineMs), 0, deadlineMs + 5000);
  }

  /** A request to the guest's agent, which may still be booting on a busy machine. */
  request(type: FrameType, fields?: FieldsBuilder, proc = 0, deadlineMs: number = GUEST_MS): Promise<Fields> {
    return this.shim.request(type, fields, proc, deadlineMs);
  }

  /** One QMP command; `files` are opened by the shim and passed along. */
  async qmp(execute: string, args: object = {}, files: ReadonlyArray<{ path: string; flags: number }> = []): Promise<unknown> {
    const fields = new FieldsBuilder().add(Tag.LINE, JSON.stringify({ execute, arguments: args }));
    fields.addAll(
      Tag.FD_OPEN,
      files.map(({ path, flags }) => fdOpen(0, flags, path)),
    );
    const answer = await this.shim.request(FrameType.QMP, fields, 0, QEMU_MS);
    const reply: unknown = JSON.parse(answer.string(Tag.LINE) ?? '{}');
    if (!Value.Check(Reply, reply)) throw new AbodeError('internal', `QEMU answered ${execute} with something that is no QMP reply`);
    if (reply.error !== undefined) throw new AbodeError('internal', `QEMU refused ${execute}: ${reply.error.desc}`);
    return reply.return;
  }

  /** Mounts in the guest; creates the directory. */
  mount({ source, target, type, readonly = false, noatime = false, data, flags: more = 0 }: GuestMount): Promise<Fields> {
    const flags = (readonly ? MS_RDONLY : 0) | (noatime ? MS_NOATIME : 0) | more;
    const fields = new FieldsBuilder()
      .add(Tag.SOURCE, source)
      .add(Tag.TARGET, target)
      .add(Tag.FSTYPE, type)
      .add(Tag.FLAGS, flags)
      .add(Tag.DATA, data);
    return this.request(FrameType.MOUNT, fields);
  }

  /** Puts an image's file behind a slot's device, which the guest must not have open. Sent at once, carried out in order. */
  async swapImage(slot: number, path: string): Promise<void> {
    this.#fdset += 1;
    const file = `image${String(slot)}-file${String(this.#fdset)}`;
    await Promise.all([
      this.qmp('add-fd', { 'fdset-id': this.#fdset }, [{ path, flags: O_RDONLY }]),
      this.qmp('blockdev-add', {
        driver: 'file',
        'node-name': file,
        filename: `/dev/fdset/${String(this.#fdset)}`,
        'read-only': true,
        locking: 'off',
      }),
      this.qmp('blockdev-reopen', { options: [{ driver: 'raw', 'node-name': `image${String(slot)}`, file, 'read-only': true }] }),
    ]);
  }

  /** Makes a clone somebody: entropy, clock, names; a container brings the host name itself. Must be the first request to a guest. */
  identify(hostname: string | undefined, machineId: string, reseed = true): Promise<Fields> {
    const fields = new FieldsBuilder()
      .add(Tag.ENTROPY, reseed ? randomBytes(64) : undefined)
      .add(Tag.TIME, BigInt(Date.now()) * 1_000_000n)
      .add(Tag.MACHINE_ID, machineId)
      .add(Tag.HOSTNAME, hostname);
    return this.request(FrameType.IDENTITY, fields);
  }

  /** Powers the guest off, or kills it after `graceMs`; 0 kills at once. */
  async shutDown(graceMs: number): Promise<void> {
    if (this.shim.alive) await this.shim.request(FrameType.SHUTDOWN, new FieldsBuilder().add(Tag.GRACE, graceMs)).catch(() => undefined);
    await this.shim.gone(graceMs + 5000);
  }
}
