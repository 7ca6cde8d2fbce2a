import { invalid } from '../base/errors.ts';
import type { ArchivedImage } from './archived-image.ts';
import { readManifest } from './docker-manifest.ts';
import { readLayout } from './oci-layout.ts';
import type { Spool } from './spool.ts';

/** `docker save` writes both forms; manifest.json knows the names for certain. */
export async function readArchivedImages(spool: Spool): Promise<ArchivedImage[]> {
  if (spool.has('manifest.json')) return await readManifest(spool);
  if (spool.has('index.json')) return await readLayout(spool);
  throw invalid('invalid archive: it holds neither manifest.json nor index.json');
}
