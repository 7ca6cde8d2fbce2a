/** EROFS images of whole images: what their VMs mount as root, read-only, shared by all of them. */
import { existsSync, renameSync, statSync } from 'node:fs';
import { mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AbodeError, notFound } from '../base/errors.ts';
import { Exclusive } from '../base/exclusive.ts';
import { syncDirectory } from '../base/files.ts';
import { ProcessError, run, systemEnvironment } from '../base/process.ts';
import type { ImageDisk, ImageRecord } from './api.ts';
import type { StoreParts } from './load.ts';
import { WorkDirectory } from './work-directory.ts';

const UUID = '00000000-0000-0000-0000-000000000000';
/** mkfs.erofs clamps file times to this and takes it as its own: so late that only the file system's own time is fixed. */
const BUILD_TIME = String(Date.UTC(2100, 0, 1) / 1000);
const DEADLINE_MS = 900_000;

/** The mount lives in a namespace of its own and ends with the process, whatever ends that. Whiteouts are the overlay's to apply. */
const SCRIPT =
  'cd "$1" && mount -t overlay overlay -o "ro,redirect_dir=nofollow,metacopy=off,lowerdir=$2" merged && exec mkfs.erofs --quiet -U "$3" disk merged';

export class DiskStore {
  readonly #parts: StoreParts;
  readonly #exclusive = new Exclusive();

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  size(image: ImageRecord): number | undefined {
    // Blocks, not length: the file is extended to a nominal size that templates know, and that extension is a hole.
    const info = statSync(this.#path(image), { throwIfNoEntry: false });
    return info === undefined ? undefined : info.blocks * 512;
  }

  async get(image: ImageRecord): Promise<ImageDisk> {
    const path = this.#path(image);
    const bytes = this.size(image) ?? (await this.#exclusive.run(path, async () => this.size(image) ?? (await this.#make(image))));
    return { path, bytes };
  }

  #path(image: ImageRecord): string {
    return this.#parts.paths.disk(topOf(image));
  }

  async #make(image: ImageRecord): Promise<number> {
    const { paths, layers } = this.#parts;
    const lease = layers.leases.hold(image.chainIds);
    try {
      if (layers.get(topOf(image)) === undefined) throw notFound(`No such image: ${image.id}`);
      await using work = await WorkDirectory.create(paths.tmp, 'disk');
      const disk = await build(work.path, image.chainIds.map((chain) => paths.files(chain)).toReversed());
      // A power cut must not leave a disk that is there and empty.
      renameSync(disk, this.#path(image));
      await syncDirectory(paths.disks);
      return statSync(this.#path(image)).size;
    } finally {
      lease[Symbol.dispose]();
      layers.collect();
    }
  }
}

async function build(work: string, lower: readonly string[]): Promise<string> {
  await mkdir(join(work, 'merged'));
  await mkdir(join(work, 'empty'));
  // Short names, since all of them together must fit in one page of mount options; an overlay without an upper needs two.
  await Promise.all(lower.map((path, index) => symlink(path, join(work, String(index)))));
  const names = [...lower.keys()].map(String).concat('empty').join(':');
  try {
    await run('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', SCRIPT, 'sh', work, names, UUID], {
      timeoutMs: DEADLINE_MS,
      env: { ...systemEnvironment, SOURCE_DATE_EPOCH: BUILD_TIME },
    });
  } catch (error) {
    throw diskError(error);
  }
  const disk = join(work, 'disk');
  if (!existsSync(disk)) throw new AbodeError('internal', 'mkfs.erofs made no disk');
  await using file = await open(disk, 'r');
  await file.sync();
  return disk;
}

function diskError(error: unknown): unknown {
  if (!(error instanceof ProcessError)) return error;
  if (error.stderr.includes('mkfs.erofs: not found')) {
    return new AbodeError('unavailable', 'mkfs.erofs is missing', {
      cause: error,
      hint: 'Install the package erofs-utils.',
    });
  }
  return new AbodeError('internal', `the image's disk could not be made: ${error.message}`, {
    cause: error,
  });
}

function topOf(image: ImageRecord): string {
  return image.chainIds.at(-1) ?? image.id;
}
