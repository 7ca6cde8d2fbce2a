/** A way to a container's files, by the agent's `files` command where they are: on the host, or in a guest (docs/agent-protocol.md). */
import { exists } from '../base/files.ts';
import type { Helper } from './helper.ts';
import type { HostMount, InjectedFile } from './sandbox.ts';

export interface FileAccess extends AsyncDisposable {
  /** The command's words up to ROOT, for the whole root filesystem: with `mounts` also what is mounted on it. */
  root(mounts: boolean): Promise<readonly string[]>;
  /** The same for the writable layer alone, and the directory that has what lies below it. */
  layer(): { readonly root: readonly string[]; readonly lower: string };
  /** Starts `files` with these words. */
  start(words: readonly string[], options?: { input: boolean }): Promise<Helper>;
}

/** Those that are there: they are written when a container is started for the first time. */
export async function existingFiles(files: readonly InjectedFile[]): Promise<InjectedFile[]> {
  const there = await Promise.all(files.map(({ source }) => exists(source)));
  return files.filter((_, index) => there[index]);
}

export function bindWords(binds: ReadonlyArray<{ source: string; destination: string }>): string[] {
  return binds.flatMap(({ source, destination }) => ['--bind', source, '', destination, 'rw']);
}

/** Directories and files of the host that the container has, those first that others lie on. */
export function mountWords(mounts: readonly HostMount[]): string[] {
  const depth = ({ destination }: HostMount): number => destination.split('/').filter((part) => part !== '').length;
  return mounts
    .toSorted((one, other) => depth(one) - depth(other))
    .flatMap(({ source, subpath, destination, writable }) => ['--bind', source, subpath, destination, writable ? 'rw' : 'ro']);
}
