/** Where the store keeps what. */
import { join } from 'node:path';
import { hexOf } from './digest.ts';

export class ImagePaths {
  readonly layers: string;
  readonly tars: string;
  readonly disks: string;
  /** Work in progress and what is about to be deleted; emptied at start-up. */
  readonly tmp: string;

  constructor(root: string) {
    this.layers = join(root, 'layers');
    this.tars = join(root, 'tars');
    this.disks = join(root, 'disks');
    this.tmp = join(root, 'tmp');
  }

  get all(): string[] {
    return [this.layers, this.tars, this.disks, this.tmp];
  }

  layer(chain: string): string {
    return join(this.layers, hexOf(chain));
  }

  /** The layer's files: a `lowerdir`. */
  files(chain: string): string {
    return join(this.layer(chain), 'diff');
  }

  /** The layer's tar, compressed with zstd. */
  tar(diffId: string): string {
    return join(this.tars, hexOf(diffId));
  }

  disk(chain: string): string {
    return join(this.disks, `${hexOf(chain)}.2.erofs`);
  }
}
