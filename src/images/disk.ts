/** EROFS images of whole images: what their VMs mount as root, read-only, shared by all of them. */
import { existsSync, renameSync, statSync } from 'node:fs';
import { mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AbodeError, notFound } from '../base/errors.ts';
import { MKFS_EROFS_OPTIONS, mkfsErofsEnvironment } from '../base/erofs.ts';
import { Exclusive } from '../base/exclusive.ts';
import { syncDirectory } from '../base/files.ts';
import { ProcessError, run } from '../base/process.ts';
import type { ImageDisk, ImageRecord } from './api.ts';
import type { StoreParts } from './load.ts';
import { WorkDirectory } from './work-directory.ts';

const DEADLINE_MS = 900_000;

/**
 * The mount lives in a namespace of its own and ends with the process, whatever ends that. Whiteouts are the overlay's to apply. What
 * every container has mounts on is added where it is missing, since a guest makes it much more slowly; a link of the image is not followed.
 */
const SCRIPT = `
set -eC
cd "$1"
top=\${2%%:*}
chown --reference="$top" upper
chmod --reference="$top" upper
mount -t overlay overlay -o "redirect_dir=nofollow,metacopy=off,index=off,xino=off,lowerdir=$2,upperdir=upper,workdir=work" merged
cd merged
missing() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
for directory in dev proc sys etc; do if missing "$directory"; then mkdir -m 755 "$directory"; touch -d @0 "$directory"; fi; done
if [ -d etc ] && [ ! -L etc ]; then
  touch -r etc ../etc.time
  for file in etc/hostname etc/hosts etc/resolv.conf; do if missing "$file"; then : >"$file"; touch -d @0 "$file"; fi; done
  touch -r ../etc.time etc
fi
touch -r "../$top" .
cd ..
shift 2
exec mkfs.erofs "$@" disk merged
`;

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
  await Promise.all(['merged', 'upper', 'work', 'empty'].map((name) => mkdir(join(work, name))));
  // Short names, since all of them together must fit in one page of mount options; an image may have no layer at all.
  await Promise.all(lower.map((path, index) => symlink(path, join(work, String(index)))));
  const names = [...lower.keys()].map(String).concat('empty').join(':');
  try {
    await run('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', SCRIPT, 'sh', work, names, ...MKFS_EROFS_OPTIONS], {
      timeoutMs: DEADLINE_MS,
      env: mkfsErofsEnvironment,
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
