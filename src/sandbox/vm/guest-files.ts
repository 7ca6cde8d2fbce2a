/** The guest's kernel and initramfs, as set-up built them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { AbodeError } from '../../base/errors.ts';

export interface GuestFiles {
  readonly kernel: string;
  readonly initramfs: string;
  /** Changes whenever one of the two does. */
  readonly hash: string;
  readonly kernelVersion: string;
}

const Manifest = Type.Object({ kernel: Type.String(), vmlinuz: Type.String(), initramfs: Type.String() });

export async function readGuestFiles(directory: string): Promise<GuestFiles> {
  let manifest: unknown;
  try {
    manifest = JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8'));
  } catch (cause) {
    throw new AbodeError('unavailable', `the guest's kernel is not built in ${directory}`, { hint: 'run ./abode doctor', cause });
  }
  if (!Value.Check(Manifest, manifest))
    throw new AbodeError('unavailable', `${directory}/manifest.json is not what set-up writes`, {
      hint: 'remove build/ and run ./abode doctor',
    });
  return {
    kernel: join(directory, 'vmlinuz'),
    initramfs: join(directory, 'initramfs.cpio'),
    hash: `${manifest.vmlinuz}:${manifest.initramfs}`,
    kernelVersion: manifest.kernel,
  };
}
