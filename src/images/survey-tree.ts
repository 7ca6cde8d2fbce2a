import { AbodeError } from '../base/errors.ts';
import { spawnPiped } from '../base/process.ts';

export interface TreeSurvey {
  /** Bytes of all files and links, each inode once: what Docker calls the size of a layer. */
  readonly size: number;
  /** Paths below the tree's root. */
  readonly whiteouts: readonly string[];
}

/** Walks an unpacked layer once. Fields end with a NUL, since names may hold anything else. */
export async function surveyTree(path: string): Promise<TreeSurvey> {
  const format = '%y%n %i %s %P\\0';
  const child = spawnPiped('find', [path, '-xdev', '!', '-type', 'd', '-printf', format], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  closed.catch(() => undefined);
  const seen = new Set<string>();
  const whiteouts: string[] = [];
  let size = 0;
  for await (const entry of split(child.stdout ?? [])) {
    const [, kind, links, inode = '', bytes, name = ''] = /^(.)(\d+) (\d+) (\d+) ([^]*)$/.exec(entry) ?? [];
    if (kind === 'c') whiteouts.push(name);
    if (links !== '1' && seen.has(inode)) continue;
    if (links !== '1') seen.add(inode);
    size += Number(bytes);
  }
  if ((await closed) !== 0) throw new AbodeError('internal', `the files of ${path} could not be listed`);
  return { size, whiteouts };
}

async function* split(source: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<string> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of source) {
    const entries = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\0');
    rest = entries.pop() ?? '';
    yield* entries;
  }
}
