/** Layers made by hand, entry by entry, unpacked by the agent into a directory of their own. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type Header, pack } from 'tar-stream';
import { ProcessError, run } from '../../src/base/process.ts';
import { agentPath } from './shim-fixture.ts';

export interface Entry extends Partial<Omit<Header, 'size'>> {
  readonly content?: string;
}

export async function layer(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header as Header, content);
  archive.finalize();
  return buffer(archive);
}

export const file = (name: string, content: string = name): Entry => ({ name, content });
export const directory = (name: string): Entry => ({ name, type: 'directory' });
export const link = (name: string, linkname: string): Entry => ({
  name,
  type: 'symlink',
  linkname,
});
export const hardLink = (name: string, linkname: string): Entry => ({
  name,
  type: 'link',
  linkname,
});

export class LayerFixture implements AsyncDisposable {
  readonly directory: string;

  private constructor(path: string) {
    this.directory = path;
  }

  static async make(): Promise<LayerFixture> {
    return new LayerFixture(await mkdtemp(join(tmpdir(), 'abode-layer-')));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Unpacks into the directory `name`, which is made; gives its path. */
  async unpack(name: string, archive: readonly Entry[] | Buffer): Promise<string> {
    const target = this.path(name);
    await mkdir(target, { recursive: true });
    await run(agentPath, ['unpack', target], {
      input: Buffer.isBuffer(archive) ? archive : await layer(archive),
    });
    return target;
  }

  /** The agent's one line of complaint. */
  async complaint(name: string, archive: readonly Entry[] | Buffer): Promise<string> {
    try {
      await this.unpack(name, archive);
    } catch (error) {
      if (error instanceof ProcessError && error.exitCode === 1) return error.stderr;
      throw error;
    }
    return '';
  }

  /** What an overlay of these layers, the uppermost first, shows: all paths, sorted. */
  async overlay(...names: readonly string[]): Promise<string[]> {
    const merged = this.path('merged');
    await mkdir(merged, { recursive: true });
    const script = 'mount -t overlay overlay -o "ro,lowerdir=$1" "$2" && cd "$2" && find . -mindepth 1 | sort';
    const lower = names.map((name) => this.path(name)).join(':');
    const { stdout } = await run('unshare', ['--mount', 'sh', '-c', script, 'sh', lower, merged]);
    return stdout.split('\n').slice(0, -1);
  }

  /** The extended attributes in a tree, as tar would carry them on. */
  async attributes(name: string): Promise<string[]> {
    const { stdout } = await run('sh', [
      '-c',
      'tar --xattrs --xattrs-include="*" -C "$1" -cf - . | grep -a -o "SCHILY\\.xattr\\.[a-z.]*=." || true',
      'sh',
      this.path(name),
    ]);
    return stdout.split('\n').slice(0, -1).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
