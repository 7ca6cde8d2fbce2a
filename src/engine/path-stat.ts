/** What `files stat` says, as Docker's API does: Go's file modes, times with nanoseconds. */
import { AbodeError } from '../base/errors.ts';
import { nanosecondsToIso } from '../sandbox/shim.ts';
import type { PathStat } from './api.ts';

/** stat(2)'s bits and Go's (io/fs, FileMode). */
const KINDS: ReadonlyMap<number, number> = new Map([
  [0o140000, 2 ** 24], // socket
  [0o120000, 2 ** 27], // symbolic link
  [0o100000, 0],
  [0o060000, 2 ** 26], // block device
  [0o040000, 2 ** 31], // directory
  [0o020000, 2 ** 26 + 2 ** 21], // character device
  [0o010000, 2 ** 25], // fifo
]);

export function goMode(mode: number): number {
  const has = (bit: number, value: number): number => ((mode & bit) === 0 ? 0 : value);
  return (mode & 0o777) + (KINDS.get(mode & 0o170000) ?? 0) + has(0o4000, 2 ** 23) + has(0o2000, 2 ** 22) + has(0o1000, 2 ** 20);
}

/** `name` is what the path was called by whoever asked. */
export function parsePathStat(output: Buffer, name: string): { stat: PathStat } {
  const first = output.indexOf(0);
  const second = output.indexOf(0, first + 1);
  const match = /^(\d+) (-?\d+) (-?\d+) (\d+)$/.exec(output.toString('utf8', 0, Math.max(0, first)));
  if (match === null || second < 0) throw new AbodeError('internal', 'the agent told of a file in an unknown form');
  const [, mode = '', size = '', seconds = '', nanoseconds = ''] = match;
  return {
    stat: {
      name,
      size: Number(size),
      mode: goMode(Number(mode)),
      mtime: nanosecondsToIso(BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)),
      linkTarget: output.toString('utf8', first + 1, second),
    },
  };
}
