/** The mounts of this process's namespace, as the kernel lists them. */
import { readFile } from 'node:fs/promises';

export interface MountedFileSystem {
  readonly target: string;
  readonly shared: boolean;
  /** It gets what is mounted where it came from. */
  readonly slave: boolean;
}

export function parseMountTable(text: string): MountedFileSystem[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ');
      const optional = fields.slice(6, fields.indexOf('-', 6));
      return {
        target: (fields[4] ?? '').replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8))),
        shared: optional.some((field) => field.startsWith('shared:')),
        slave: optional.some((field) => field.startsWith('master:')),
      };
    });
}

/** The mount that a path is on: of several on one place the last. */
export function findMount(mounts: readonly MountedFileSystem[], path: string): MountedFileSystem | undefined {
  const above = mounts.filter(({ target }) => target === '/' || path === target || path.startsWith(`${target}/`));
  const longest = Math.max(...above.map(({ target }) => target.length));
  return above.findLast(({ target }) => target.length === longest);
}

export async function readMountTable(): Promise<MountedFileSystem[]> {
  return parseMountTable(await readFile('/proc/self/mountinfo', 'latin1'));
}
