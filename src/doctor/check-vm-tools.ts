import { access, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { readGuestFiles } from '../sandbox/vm/guest-files.ts';
import { QEMU } from '../sandbox/vm/qemu.ts';
import { attempt } from './attempt.ts';
import { type Finding, type Ground, install, missing, ok } from './finding.ts';

/** What VMs are made with: QEMU, the guest that set-up built, the makers of disks. */
export async function checkVmTools({ build }: Ground): Promise<readonly Finding[]> {
  return Promise.all([checkQemu(), checkAgent(build), checkGuest(build), checkErofs(), checkExt4()]);
}

async function checkQemu(): Promise<Finding> {
  const version = await attempt(QEMU, ['--version']);
  return version.works ? ok('qemu', version.output.split('\n')[0] ?? '') : missing('qemu', version.why, 'VMs', install('qemu-system-x86'));
}

async function checkAgent(build: string): Promise<Finding> {
  const path = join(build, 'agent', 'abode-agent');
  try {
    await access(path, constants.X_OK);
    const { size } = await stat(path);
    return ok('agent', `${path}, ${String(Math.round(size / 1024))} KiB`);
  } catch {
    return missing('agent', 'not built', 'containers and VMs', './abode up');
  }
}

async function checkGuest(build: string): Promise<Finding> {
  try {
    const { kernelVersion } = await readGuestFiles(join(build, 'guest'));
    return ok('guest kernel', kernelVersion);
  } catch (error) {
    return missing('guest kernel', messageOf(error), 'VMs', './abode up');
  }
}

/** Versions differ in how they tell their version, so a disk is made. */
async function checkErofs(): Promise<Finding> {
  const work = await mkdtemp(join(tmpdir(), 'abode-doctor-'));
  try {
    await mkdir(join(work, 'tree'));
    const made = await attempt('mkfs.erofs', ['--quiet', join(work, 'image'), join(work, 'tree')]);
    return made.works
      ? ok('erofs tools', 'mkfs.erofs makes images')
      : missing('erofs tools', made.why, 'VMs: images become EROFS disks', install('erofs-utils'));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function checkExt4(): Promise<Finding> {
  const version = await attempt('mkfs.ext4', ['-V']);
  return version.works
    ? ok('ext4 tools', 'mkfs.ext4')
    : missing('ext4 tools', version.why, 'VMs: their writable disks', install('e2fsprogs'));
}
