import { readFile, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { existingParent } from './existing-parent.ts';
import { type Finding, type Ground, missing, ok, warn } from './finding.ts';

const GIB = 2 ** 30;
/** Docker's default for containers. */
const DOCKER_NOFILE = 1_048_576;

export async function checkResources({ root }: Ground): Promise<readonly Finding[]> {
  const where = await existingParent(root);
  const disk = await statfs(where);
  return [
    judgeSpace(disk.bavail * disk.bsize, where),
    judgeMemory(totalmem()),
    judgeFileLimit(await readFile('/proc/self/limits', 'utf8')),
  ];
}

export function judgeSpace(free: number, where: string): Finding {
  const detail = `${(free / GIB).toFixed(1)} GiB free at ${where}`;
  if (free < GIB) {
    return missing('disk space', detail, 'images and templates', 'free some, or choose another --root');
  }
  return free < 5 * GIB ? warn('disk space', detail, 'larger images', 'free some, or choose another --root') : ok('disk space', detail);
}

function judgeMemory(bytes: number): Finding {
  const detail = `${(bytes / GIB).toFixed(1)} GiB`;
  return bytes < 2 * GIB ? warn('memory', detail, 'more than a few VMs at once', 'use a machine with more') : ok('memory', detail);
}

/** `limits` is the text of /proc/PID/limits. */
export function judgeFileLimit(limits: string): Finding {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1] ?? 'unknown';
  if (hard === 'unlimited' || Number(hard) >= DOCKER_NOFILE) return ok('open files', `hard limit ${hard}`);
  return warn(
    'open files',
    `hard limit ${hard}`,
    `the limit of ${String(DOCKER_NOFILE)} that containers have by default: it is lowered to ${hard}`,
    'raise the hard limit (ulimit -Hn) of whatever starts the daemon',
  );
}
