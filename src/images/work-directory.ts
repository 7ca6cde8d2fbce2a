/** A directory for work in progress, gone when its scope ends. What a crash leaves is removed at the next start. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from './remove-tree.ts';

export class WorkDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(parent: string, purpose: string): Promise<WorkDirectory> {
    return new WorkDirectory(await mkdtemp(join(parent, `${purpose}-`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.path);
  }
}
