/**
 * The little of EROFS's layout (the kernel's fs/erofs/erofs_fs.h) that lets a template mount an image before there is one. A template
 * mounts a placeholder whose root directory is one block at a fixed address; every image has its root's entries in a block at that
 * address too. The kernel keeps the superblock and the root's inode from the mount, and reads all else when it is first looked up.
 */
import type { FileHandle } from 'node:fs/promises';
import { EROFS_BUILD_TIME } from '../../base/erofs.ts';

export const EROFS_BLOCK = 4096;

const MAGIC = 0xe0f5_e1e2;
const SUPERBLOCK = 1024;
const SUPERBLOCK_BYTES = 128;
const BLOCK_BITS = 12;
const FEATURE_MTIME = 2;
/** The first after the superblock, where mkfs.erofs has it. */
const ROOT_NID = 36;
const INODE_SLOT = 32;
const EXTENDED_BYTES = 64;
const EXTENDED = 1;
const FLAT_PLAIN = 0;
const FLAT_INLINE = 2;
const ENTRY_BYTES = 12;
const TYPE_DIRECTORY = 2;
const S_IFDIR = 0o040_000;

interface Entry {
  readonly nid: bigint;
  readonly type: number;
  readonly name: Buffer;
}

/** What stands at the start of a filesystem with nothing in it, and the block of its root directory, which is at `rootAddress`. */
export function emptyErofs(rootAddress: number): { readonly head: Buffer; readonly root: Buffer } {
  const head = Buffer.alloc(EROFS_BLOCK);
  head.writeUInt32LE(MAGIC, SUPERBLOCK);
  head.writeUInt32LE(FEATURE_MTIME, SUPERBLOCK + 8);
  head.writeUInt8(BLOCK_BITS, SUPERBLOCK + 12);
  head.writeUInt16LE(ROOT_NID, SUPERBLOCK + 14);
  head.writeBigUInt64LE(1n, SUPERBLOCK + 16); // inodes
  head.writeBigUInt64LE(BigInt(EROFS_BUILD_TIME), SUPERBLOCK + 24);
  head.writeUInt32LE(rootAddress + 1, SUPERBLOCK + 36); // blocks
  const inode = ROOT_NID * INODE_SLOT;
  head.writeUInt16LE(EXTENDED | (FLAT_PLAIN << 1), inode);
  head.writeUInt16LE(S_IFDIR | 0o755, inode + 4);
  head.writeBigUInt64LE(BigInt(EROFS_BLOCK), inode + 8);
  head.writeUInt32LE(rootAddress, inode + 16);
  head.writeUInt32LE(2, inode + 44); // links
  const self = (name: string): Entry => ({ nid: BigInt(ROOT_NID), type: TYPE_DIRECTORY, name: Buffer.from(name) });
  return { head, root: directoryBlock([self('.'), self('..')]) ?? Buffer.alloc(EROFS_BLOCK) };
}

/**
 * The entries of an image's root directory as one block; undefined where the image cannot take the placeholder's place: a layout that
 * differs, or more entries than a block holds.
 */
export async function rootDirectoryOf(file: FileHandle): Promise<Buffer | undefined> {
  const superblock = await read(file, SUPERBLOCK, SUPERBLOCK_BYTES);
  const fits =
    superblock.readUInt32LE(0) === MAGIC &&
    superblock.readUInt8(12) === BLOCK_BITS &&
    superblock.readUInt16LE(14) === ROOT_NID &&
    superblock.readBigUInt64LE(24) === BigInt(EROFS_BUILD_TIME) &&
    superblock.readUInt32LE(32) === 0 && // nanoseconds of that time
    superblock.readUInt32LE(40) === 0 && // where inodes start
    superblock.readUInt32LE(44) === 0 && // where shared attributes start
    superblock.readUInt32LE(80) === 0; // features that a reader must know
  if (!fits) return undefined;
  const data = await readRoot(file);
  return data === undefined ? undefined : directoryBlock(entriesOf(data));
}

async function readRoot(file: FileHandle): Promise<Buffer | undefined> {
  const inode = await read(file, ROOT_NID * INODE_SLOT, EXTENDED_BYTES);
  const format = inode.readUInt16LE(0);
  const layout = (format >> 1) & 7;
  const extended = (format & 1) === EXTENDED;
  const size = extended ? Number(inode.readBigUInt64LE(8)) : inode.readUInt32LE(8);
  const attributes = inode.readUInt16LE(2);
  if ((layout !== FLAT_PLAIN && layout !== FLAT_INLINE) || size > 16 * EROFS_BLOCK) return undefined;
  const address = inode.readUInt32LE(16) * EROFS_BLOCK;
  if (layout === FLAT_PLAIN) return read(file, address, size);
  const tail = size % EROFS_BLOCK;
  const after =
    ROOT_NID * INODE_SLOT + (extended ? EXTENDED_BYTES : INODE_SLOT) + (attributes === 0 ? 0 : ENTRY_BYTES + 4 * (attributes - 1));
  return Buffer.concat([await read(file, address, size - tail), await read(file, after, tail)]);
}

function entriesOf(data: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let start = 0; start < data.length; start += EROFS_BLOCK) {
    const block = data.subarray(start, start + EROFS_BLOCK);
    const count = block.readUInt16LE(8) / ENTRY_BYTES;
    for (let index = 0; index < count; index++) {
      const at = index * ENTRY_BYTES;
      const end = index + 1 < count ? block.readUInt16LE(at + ENTRY_BYTES + 8) : block.length;
      const name = block.subarray(block.readUInt16LE(at + 8), end);
      const zero = name.indexOf(0);
      entries.push({ nid: block.readBigUInt64LE(at), type: block.readUInt8(at + 10), name: zero < 0 ? name : name.subarray(0, zero) });
    }
  }
  return entries;
}

/** Sorted by name, as lookups expect it; the last name ends at the first zero. */
function directoryBlock(entries: readonly Entry[]): Buffer | undefined {
  const block = Buffer.alloc(EROFS_BLOCK);
  let names = entries.length * ENTRY_BYTES;
  for (const [index, { nid, type, name }] of entries.toSorted((left, right) => Buffer.compare(left.name, right.name)).entries()) {
    if (names + name.length > EROFS_BLOCK) return undefined;
    block.writeBigUInt64LE(nid, index * ENTRY_BYTES);
    block.writeUInt16LE(names, index * ENTRY_BYTES + 8);
    block.writeUInt8(type, index * ENTRY_BYTES + 10);
    name.copy(block, names);
    names += name.length;
  }
  return block;
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  await file.read(buffer, 0, length, position);
  return buffer;
}
