import { run } from '../base/process.ts';

/** Removes what an image unpacked: many files, deep, with any names. A mount below it is never entered. */
export async function removeTree(...paths: string[]): Promise<void> {
  if (paths.length === 0) return;
  await run('rm', ['-rf', '--one-file-system', '--', ...paths], { timeoutMs: 600_000 });
}
