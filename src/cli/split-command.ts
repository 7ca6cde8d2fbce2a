/** `[image] [-- command...]`: what stands after the two dashes is the command, also where no image is named. */
import { UsageError } from './usage-error.ts';

export interface SplitArguments {
  readonly image: string | undefined;
  readonly words: readonly string[];
}

/** `args` are the operands without the dashes, `raw` is the whole command line. */
export function splitCommand(args: readonly string[], raw: readonly string[]): SplitArguments {
  const dashes = raw.indexOf('--');
  const words = dashes === -1 ? [] : raw.slice(dashes + 1);
  const before = args.slice(0, args.length - words.length);
  if (before.length > 1)
    throw new UsageError(
      `unexpected operand ${JSON.stringify(before[1])}`,
      'write a command after two dashes: abode compare IMAGE -- COMMAND',
    );
  return { image: before[0], words };
}
