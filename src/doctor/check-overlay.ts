import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt } from './attempt.ts';
import { existingParent } from './existing-parent.ts';
import { type Finding, type Ground, missing, ok } from './finding.ts';

/** Mounts one on the file system of the daemon's root, in a mount namespace of its own, and writes through it. */
export async function checkOverlay({ root }: Ground): Promise<readonly Finding[]> {
  const parent = await existingParent(root);
  const work = await mkdtemp(join(parent, '.abode-doctor-'));
  try {
    await Promise.all(['lower', 'upper', 'work', 'merged'].map((name) => mkdir(join(work, name))));
    const options = `lowerdir=${join(work, 'lower')},upperdir=${join(work, 'upper')},workdir=${join(work, 'work')}`;
    const outcome = await attempt('unshare', [
      '--mount',
      'sh',
      '-c',
      'mount -t overlay overlay -o "$1" "$2" && touch "$2/file"',
      'sh',
      options,
      join(work, 'merged'),
    ]);
    if (outcome.works) return [ok('overlayfs', `mounts below ${parent}`)];
    return [
      missing(
        'overlayfs',
        `cannot be mounted below ${parent}: ${outcome.why}`,
        'containers',
        'modprobe overlay; or choose a --root on ext4 or xfs',
      ),
    ];
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
