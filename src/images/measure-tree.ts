import { spawnPiped } from '../base/process.ts';
import { AbodeError } from '../base/errors.ts';

/** Bytes of all files and links below `path`, each inode once: what Docker calls the size of a layer. */
export async function measureTree(path: string): Promise<number> {
  const child = spawnPiped('find', [path, '-xdev', '!', '-type', 'd', '-printf', '%n %i %s\n'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  closed.catch(() => undefined);
  const seen = new Set<string>();
  let bytes = 0;
  let rest = '';
  for await (const chunk of child.stdout ?? []) {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [links = '', inode = '', size = ''] = line.split(' ');
      if (links !== '1' && seen.has(inode)) continue;
      if (links !== '1') seen.add(inode);
      bytes += Number(size);
    }
  }
  if ((await closed) !== 0) throw new AbodeError('internal', `the size of ${path} could not be measured`);
  return bytes;
}
