/** The options of a tmpfs that `--mount type=tmpfs` asks for, in the words of mount(8). */
import type { MountRequest } from '../record.ts';

/** What a container may choose; Docker's list. */
const FLAGS = [
  'exec',
  'noexec',
  'suid',
  'nosuid',
  'dev',
  'nodev',
  'atime',
  'noatime',
  'diratime',
  'nodiratime',
  'relatime',
  'norelatime',
  'strictatime',
  'nostrictatime',
  'ro',
  'rw',
  'sync',
  'async',
  'dirsync',
];
const VALUES = ['uid', 'gid', 'mode', 'size', 'nr_inodes', 'nr_blocks', 'mpol'];

export function tmpfsOptionsOf({ TmpfsOptions: options, ReadOnly: readonly }: MountRequest, refuse: (reason: string) => Error): string {
  const words = readonly === true ? ['ro'] : [];
  const mode = options?.Mode ?? 0;
  const size = options?.SizeBytes ?? 0;
  if (mode !== 0) words.push(`mode=${mode.toString(8)}`);
  if (size > 0) words.push(`size=${String(size)}`);
  for (const option of options?.Options ?? []) {
    const [name = '', value, ...more] = option;
    if (more.length > 0 || name === '') throw refuse(`invalid option array length`);
    const known = value === undefined ? FLAGS.includes(name) : VALUES.includes(name) && /^[\w.:%-]+$/.test(value);
    if (!known) throw refuse(`invalid option: ${option.join('=')}`);
    words.push(option.join('='));
  }
  return words.join(',');
}
