/**
 * What `docker top CONTAINER PS-ARGS` asks `ps` for, for processes that the host's `ps` does not see. Which processes is clear already, so
 * what only selects is taken and has no effect; what would need more than a line for each process is refused by name.
 */
import { invalid } from '../../base/errors.ts';
import { type Column, COLUMNS } from './columns.ts';

const UNIX_FORMATS: Readonly<Record<string, string>> = {
  f: '-user,pid,ppid,c,stime,tname,time,cmd',
  F: '-user,pid,ppid,c,sz,rss,psr,stime,tname,time,cmd',
  l: 'f,s,uid,pid,ppid,c,-pri,ni,-addr,sz,wchan,tname,time,ucmd',
  j: 'pid,pgid,sid,tname,time,ucmd',
};
const BSD_FORMATS: Readonly<Record<string, string>> = {
  u: 'user,pid,%cpu,%mem,vsz,rss,tname,stat,start_time,bsdtime,command',
  l: 'f,uid,pid,ppid,-pri,ni,vsz,rss,wchan,stat,tname,bsdtime,command',
  j: 'ppid,pid,pgid,sid,tname,tpgid,stat,uid,bsdtime,command',
};
const UNIX_PLAIN = 'pid,tname,time,ucmd';
const BSD_PLAIN = 'pid,tname,stat,bsdtime,command';

/** Which processes, and how wide: nothing to choose here. */
const UNIX_NEUTRAL = 'eAadw';
const BSD_NEUTRAL = 'axgw';

interface Asked {
  format: string | undefined;
  readonly columns: Column[];
  bsd: boolean;
}

export function parsePsArguments(text: string): Column[] {
  const words = text.split(' ').filter((word) => word !== '');
  const asked: Asked = { format: undefined, columns: [], bsd: false };
  while (words.length > 0) takeWord(words.shift() ?? '', words, asked);
  if (asked.columns.length > 0) return asked.columns;
  if (asked.format !== undefined) return columnsOf(asked.format);
  return columnsOf(asked.bsd ? BSD_PLAIN : UNIX_PLAIN);
}

function takeWord(word: string, rest: string[], asked: Asked): void {
  const long = /^--format(?:=(.*))?$/.exec(word);
  if (long !== null) {
    asked.columns.push(...columnsOf(long[1] ?? operand(rest)));
  } else if (word.startsWith('--')) {
    refuse(word);
  } else {
    const unix = word.startsWith('-');
    const letters = unix ? word.slice(1) : word;
    asked.bsd ||= !unix;
    for (let at = 0; at < letters.length; at += 1) {
      const letter = letters.charAt(at);
      if (letter === 'o') {
        const attached = letters.slice(at + 1);
        asked.columns.push(...columnsOf(attached === '' ? operand(rest) : attached));
        return;
      }
      takeLetter(letter, unix, asked);
    }
  }
}

function takeLetter(letter: string, unix: boolean, asked: Asked): void {
  const format = (unix ? UNIX_FORMATS : BSD_FORMATS)[letter];
  if (format !== undefined) {
    // -F says all that -f does.
    if (!(letter === 'f' && asked.format === UNIX_FORMATS['F'])) asked.format = format;
  } else if (!(unix ? UNIX_NEUTRAL : BSD_NEUTRAL).includes(letter)) {
    refuse(unix ? `-${letter}` : letter);
  }
}

function operand(rest: string[]): string {
  const word = rest.shift();
  if (word === undefined) throw invalid('error: format specification must follow -o');
  return word;
}

function columnsOf(list: string): Column[] {
  const columns: Column[] = [];
  for (let rest = list; rest !== '';) {
    const [, name = '', title, more = ''] = /^([^,=]*)(?:=([^,]*))?(?:,(.*))?$/s.exec(rest) ?? [];
    const column = COLUMNS.get(name);
    if (column === undefined) throw invalid(`error: unknown user-defined format specifier "${name}"`);
    columns.push(title === undefined ? column : { ...column, title });
    rest = more;
  }
  return columns;
}

function refuse(option: string): never {
  throw invalid(
    `ps option "${option}" is not available for the processes of a VM, which the host's ps does not see: use -e, -f, -F, -l, -j, a, u, x or -o with its columns`,
  );
}
