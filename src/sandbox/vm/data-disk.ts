/** The writable disk of a VM: a sparse file with an empty ext4, made once and copied by its few blocks of data. */
import { open, rename, rm, truncate } from 'node:fs/promises';
import { run } from '../../base/process.ts';
import { dataExtents } from './system-calls.ts';

/** Fixed, since a template's devices have it; sparse files take only what is written. */
export const DATA_DISK_BYTES: number = 64 * 2 ** 30;

interface Block {
  readonly offset: number;
  readonly data: Buffer;
}

export class DataDisks {
  readonly #template: string;
  #blocks: Promise<Block[]> | undefined;

  /** `template` is the path of the formatted disk that the others are copied from. */
  constructor(template: string) {
    this.#template = template;
  }

  /** Makes an empty disk at `path`; one that is there is kept, it is the container's. */
  async ensure(path: string): Promise<void> {
    this.#blocks ??= this.#load().catch((error: unknown) => {
      this.#blocks = undefined;
      throw error;
    });
    const blocks = await this.#blocks;
    const existing = await open(path, 'r').catch(() => undefined);
    if (existing !== undefined) {
      await existing.close();
      return;
    }
    const temporary = `${path}.tmp`;
    const file = await open(temporary, 'w', 0o600);
    try {
      await file.truncate(DATA_DISK_BYTES);
      for (const block of blocks) await file.write(block.data, 0, block.data.length, block.offset);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  }

  async #load(): Promise<Block[]> {
    const file = await open(this.#template, 'r').catch(() => this.#format());
    try {
      const blocks: Block[] = [];
      for (const { offset, length } of dataExtents(file.fd)) {
        const data = Buffer.alloc(length);
        await file.read(data, 0, length, offset);
        blocks.push(...withoutZeroes(offset, data));
      }
      return blocks;
    } finally {
      await file.close();
    }
  }

  async #format(): ReturnType<typeof open> {
    const temporary = `${this.#template}.tmp`;
    await rm(temporary, { force: true });
    await (await open(temporary, 'w', 0o600)).close();
    await truncate(temporary, DATA_DISK_BYTES);
    // Few blocks to copy and little to read at mount: tables are left for later, the journal is small.
    await run('mkfs.ext4', [
      '-q',
      '-F',
      '-m',
      '0',
      '-E',
      'lazy_itable_init=1,lazy_journal_init=1',
      '-O',
      '^resize_inode,^metadata_csum',
      '-G',
      '4096',
      '-J',
      'size=4',
      '-N',
      '4194304',
      temporary,
    ]);
    await rename(temporary, this.#template);
    return open(this.#template, 'r');
  }
}

const PAGE = 4096;

/** Runs of pages that are not all zero. */
function withoutZeroes(offset: number, data: Buffer): Block[] {
  const zero = Buffer.alloc(PAGE);
  const blocks: Block[] = [];
  let start = -1;
  for (let at = 0; at <= data.length; at += PAGE) {
    const page = data.subarray(at, at + PAGE);
    const empty = page.length === 0 || page.equals(zero.subarray(0, page.length));
    if (!empty && start < 0) start = at;
    if (empty && start >= 0) {
      blocks.push({ offset: offset + start, data: data.subarray(start, at) });
      start = -1;
    }
  }
  return blocks;
}
