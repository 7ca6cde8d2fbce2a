/** manifest.json of `docker save`. */
import { Type } from 'typebox';
import { invalid } from '../base/errors.ts';
import type { ArchivedImage } from './archived-image.ts';
import { familiarString, parseReference } from './reference.ts';
import { readJson } from './read-json.ts';
import type { Spool } from './spool.ts';

const schema = Type.Array(
  Type.Object({
    Config: Type.String(),
    RepoTags: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
    Layers: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
  }),
  { maxItems: 10_000 },
);

export async function readManifest(spool: Spool): Promise<ArchivedImage[]> {
  const manifest = await readJson(spool, 'manifest.json', schema);
  return await Promise.all(
    manifest.map(async (image) => ({
      configuration: await spool.text(image.Config),
      layers: image.Layers ?? [],
      references: (image.RepoTags ?? []).map(checkTag),
    })),
  );
}

function checkTag(name: string): string {
  const reference = parseReference(name);
  if (reference.tag === undefined || reference.digest !== undefined) throw invalid(`invalid tag ${JSON.stringify(name)}`);
  return familiarString(reference);
}
