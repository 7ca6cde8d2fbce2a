/**
 * Directories of the host in a VM (docs/decisions/0020). The VM's shim binds them below one directory of its own namespace, which a file
 * server shares by FUSE over a virtio port; the guest has it mounted at one place. The server sees nothing else of the host: what the guest may not
 * write is read-only there already, whatever the guest thinks of it.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../../agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { hasErrno } from '../../base/errors.ts';
import { exists, writeFileAtomic } from '../../base/files.ts';
import { cgroupDirectories } from '../cgroup.ts';
import { bindFlags, explainBind } from '../host-bind.ts';
import type { HostMount } from '../sandbox.ts';
import type { Machine } from './machine.ts';

const GUEST_FILES = '/run/abode/files';
/** In the run directory: what is shared, and that the guest has it mounted. */
const SHARE = 'share';
const MADE = 'share-made';
const MOUNTED = 'share-mounted';

// mount(2), umount2(2)
const MS_BIND = 4096;
const MS_SHARED = 1 << 20;
const MNT_DETACH = 2;

export class VmFiles {
  readonly #machine: Machine;
  readonly #agentPath: string;
  readonly #runDir: string;
  readonly #cgroup: string;
  #made: Promise<void> | undefined;
  #opened: Promise<void> | undefined;

  constructor(machine: Machine, agentPath: string, runDir: string, cgroup: string) {
    this.#agentPath = agentPath;
    this.#machine = machine;
    this.#runDir = runDir;
    this.#cgroup = cgroup;
  }

  /** Makes the mounts reachable in the guest; gives the guest's paths of them. `name` is one component, used once. */
  async add(name: string, mounts: readonly HostMount[]): Promise<Map<HostMount, string>> {
    if (mounts.length === 0) return new Map();
    await this.#prepareShare();
    await Promise.all([this.#bind(name, mounts), this.#open()]);
    return new Map(mounts.map((mount, index) => [mount, `${GUEST_FILES}/${name}/${String(index)}`]));
  }

  /** After everything in the guest let go of them. */
  async remove(name: string): Promise<void> {
    const directory = join(this.#runDir, SHARE, name);
    const indices = await readdir(directory).catch((error: unknown) => {
      if (hasErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (indices === undefined) return;
    // What the guest's kernel remembers of them keeps them in use on the host.
    await this.#machine.request(
      FrameType.WRITE_FILE,
      new FieldsBuilder().add(Tag.PATH, '/proc/sys/vm/drop_caches').add(Tag.MODE, 0o200).add(Tag.CONTENT, Buffer.from('2')),
    );
    for (const index of indices) {
      const fields = new FieldsBuilder().add(Tag.HOST, 1).add(Tag.TARGET, join(directory, index)).add(Tag.FLAGS, MNT_DETACH);
      await this.#machine.request(FrameType.UMOUNT, fields);
    }
    await this.#machine.request(FrameType.REMOVE, new FieldsBuilder().add(Tag.HOST, 1).add(Tag.PATH, directory));
  }

  /** What is mounted below it from now on the server sees too. */
  #prepareShare(): Promise<void> {
    this.#made ??= this.#makeShare().catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
    return this.#made;
  }

  async #makeShare(): Promise<void> {
    const share = join(this.#runDir, SHARE);
    const marker = join(this.#runDir, MADE);
    if (await exists(marker)) return;
    await mkdir(share, { recursive: true, mode: 0o755 });
    const mount = (flags: number): Promise<unknown> =>
      this.#machine.request(
        FrameType.MOUNT,
        new FieldsBuilder().add(Tag.HOST, 1).add(Tag.SOURCE, share).add(Tag.TARGET, share).add(Tag.FLAGS, flags),
      );
    await mount(MS_BIND);
    await mount(MS_SHARED);
    await writeFileAtomic(marker, '');
  }

  async #bind(name: string, mounts: readonly HostMount[]): Promise<void> {
    const directory = join(this.#runDir, SHARE, name);
    await Promise.all(
      mounts.map(async (mount, index) => {
        const fields = new FieldsBuilder()
          .add(Tag.HOST, 1)
          .add(Tag.ROOT, mount.source)
          .add(Tag.SOURCE, mount.subpath === '' ? '.' : mount.subpath)
          .add(Tag.TARGET, join(directory, String(index)))
          .add(Tag.FLAGS, bindFlags(mount));
        await this.#machine.request(FrameType.MOUNT, fields).catch(explainBind);
      }),
    );
  }

  /** Once in a VM's life, whichever daemon sees it: each step that was made already is passed over. */
  #open(): Promise<void> {
    this.#opened ??= this.#start().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #start(): Promise<void> {
    const marker = join(this.#runDir, MOUNTED);
    if (await exists(marker)) return;
    await this.#serve();
    await this.#mount();
    await writeFileAtomic(marker, '');
  }

  async #serve(): Promise<void> {
    const fields = new FieldsBuilder()
      .addAll(Tag.ARG, [this.#agentPath, 'share', join(this.#runDir, SHARE)])
      .addAll(Tag.CGROUP, await cgroupDirectories(this.#cgroup));
    await this.#machine.request(FrameType.FILES_SERVE, fields).catch((error: unknown) => {
      if (!(error instanceof AgentError && /has one already/.test(error.message))) throw error;
    });
  }

  async #mount(): Promise<void> {
    await this.#machine.mount({ source: 'abode', target: GUEST_FILES, type: 'abode-files' });
  }
}
