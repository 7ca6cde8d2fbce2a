/** abode/base: a small image made on the machine from Debian's busybox-static, so that Abode is of use without any registry. */
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { AbodeError, messageOf } from '../base/errors.ts';
import { run } from '../base/process.ts';
import { digestOf, hexOf } from './digest.ts';
import { makeImage } from './import.ts';
import type { StoreParts } from './load.ts';
import { WorkDirectory } from './work-directory.ts';

export const BASE_REFERENCE = 'abode/base:latest';

const BUSYBOX_PATHS = ['/usr/bin/busybox', '/bin/busybox'];
/** The day of the recipe below, the image's date: the same busybox makes the same image anywhere. Move both together. */
const CREATED = '2026-01-01T00:00:00Z';
const BUSYBOX_LABEL = 'abode.base.busybox';
const RECIPE_LABEL = 'abode.base.recipe';

const directories: readonly (readonly [string, number])[] = [
  ['bin', 0o755],
  ['dev', 0o755],
  ['etc', 0o755],
  ['home', 0o755],
  ['home/abode', 0o755],
  ['proc', 0o755],
  ['root', 0o700],
  ['run', 0o755],
  ['sbin', 0o755],
  ['sys', 0o755],
  ['tmp', 0o1777],
  ['usr', 0o755],
  ['usr/bin', 0o755],
  ['usr/sbin', 0o755],
  ['var', 0o755],
  ['var/tmp', 0o1777],
];
const ABODE_ID = 1000;

const files: Readonly<Record<string, string>> = {
  'etc/passwd': [
    'root:x:0:0:root:/root:/bin/sh',
    `abode:x:${String(ABODE_ID)}:${String(ABODE_ID)}:abode:/home/abode:/bin/sh`,
    'nobody:x:65534:65534:nobody:/:/bin/false',
    '',
  ].join('\n'),
  'etc/group': ['root:x:0:', `abode:x:${String(ABODE_ID)}:`, 'nogroup:x:65534:', ''].join('\n'),
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/** Makes the image when it is missing, or made from another busybox. An image of the user's own under that name stays. */
export async function ensureBaseImage(parts: StoreParts, options: { readonly busyboxPaths?: readonly string[] }): Promise<void> {
  const busybox = await findBusybox(options.busyboxPaths ?? BUSYBOX_PATHS);
  const known = parts.images.byName(BASE_REFERENCE);
  const labels = known?.config.Labels ?? {};
  if (known !== undefined && labels[RECIPE_LABEL] === undefined) return;
  if (known !== undefined && labels[RECIPE_LABEL] === CREATED && labels[BUSYBOX_LABEL] === busybox.hash) return;
  await using work = await WorkDirectory.create(parts.paths.tmp, 'base');
  const tar = await packRoot(work.path, busybox.path);
  await makeImage(parts, createReadStream(tar), {
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Cmd: ['sh'],
      Labels: { [BUSYBOX_LABEL]: busybox.hash, [RECIPE_LABEL]: CREATED },
    },
    created: CREATED,
    history: { created: CREATED, created_by: 'abode: busybox-static' },
    name: BASE_REFERENCE,
  });
}

async function findBusybox(paths: readonly string[]): Promise<{ path: string; hash: string }> {
  for (const path of paths) {
    const content = await readFile(path).catch(() => undefined);
    if (content !== undefined) return { path, hash: hexOf(digestOf(content)) };
  }
  throw new AbodeError('unavailable', 'busybox is missing, which the image abode/base is made from', {
    hint: 'Install the package busybox-static.',
  });
}

/** Makes the tree and its tar; gives the tar's path. */
async function packRoot(work: string, busybox: string): Promise<string> {
  const root = join(work, 'root');
  await mkdir(root, { mode: 0o755 });
  for (const [path, mode] of directories) {
    await mkdir(join(root, path));
    await chmod(join(root, path), mode); // whatever the umask
  }
  for (const [path, content] of Object.entries(files)) {
    await writeFile(join(root, path), content);
    await chmod(join(root, path), 0o644);
  }
  await copyFile(busybox, join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  await checkStatic(root);
  await linkApplets(root, busybox);
  const tar = join(work, 'base.tar');
  // Everything is root's but one directory, which is appended right after its parent, so that the parent's time is restored last.
  const same = ['--format=gnu', '--mtime=@0', '--numeric-owner', '-C', root];
  await run('tar', ['-cf', tar, ...same, '--sort=name', '--owner=0', '--group=0', '--exclude=./home', '.']);
  await run('tar', ['-rf', tar, ...same, '--no-recursion', '--owner=0', '--group=0', './home']);
  await run('tar', ['-rf', tar, ...same, `--owner=${String(ABODE_ID)}`, `--group=${String(ABODE_ID)}`, './home/abode']);
  return tar;
}

/** A busybox that needs libraries would be of no use in the image: it is run where it will live. */
async function checkStatic(root: string): Promise<void> {
  try {
    await run('chroot', [root, '/bin/busybox', 'true'], { timeoutMs: 10_000 });
  } catch (error) {
    throw new AbodeError('unavailable', `this machine's busybox does not run by itself: ${messageOf(error)}`, {
      cause: error,
      hint: 'Install the package busybox-static.',
    });
  }
}

async function linkApplets(root: string, busybox: string): Promise<void> {
  const { stdout } = await run(busybox, ['--list-full'], { timeoutMs: 10_000 });
  for (const applet of stdout.split('\n').filter((line) => line !== '' && !line.endsWith('/busybox'))) {
    const path = join(root, applet);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await symlink(posix.relative(posix.dirname(`/${applet}`), '/bin/busybox'), path);
  }
}
