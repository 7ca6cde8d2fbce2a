/** Files of a container in a VM, through the guest's agent. */
import { readFile } from 'node:fs/promises';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { bindWords, existingFiles, type FileAccess } from '../file-access.ts';
import type { InjectedFile } from '../sandbox.ts';
import type { Machine } from './machine.ts';

export interface GuestPlaces {
  /** The words of a view that ends with ROOT. */
  readonly root: readonly string[];
  readonly upper: string;
  readonly lower: string;
  /** Where the guest may keep copies of the injected files meanwhile. */
  readonly scratch: string;
}

/** `release` gives back what was taken for it. */
export function guestFileAccess(
  machine: Machine,
  places: GuestPlaces,
  files: readonly InjectedFile[],
  release: () => Promise<void>,
): FileAccess {
  const view = places.root.slice(0, -1);
  const root = places.root.at(-1) ?? '/';
  let copies: Promise<string[]> | undefined;
  return {
    async root(mounts) {
      if (mounts) copies ??= copyFiles(machine, places.scratch, files);
      return [...view, ...(mounts ? ((await copies) ?? []) : []), root];
    },
    layer: () => ({ root: [places.upper], lower: places.lower }),
    start: (words, options) => machine.shim.helper(['files', ...words], options),
    async [Symbol.asyncDispose]() {
      if (copies !== undefined)
        await machine.request(FrameType.REMOVE, new FieldsBuilder().add(Tag.PATH, places.scratch)).catch(() => undefined);
      await release();
    },
  };
}

/** What the engine made and the container sees, for the guest to see too; gives the words that bind it. */
async function copyFiles(machine: Machine, scratch: string, files: readonly InjectedFile[]): Promise<string[]> {
  const copies = (await existingFiles(files)).map(({ source, destination }, index) => ({
    from: source,
    source: `${scratch}/${String(index)}`,
    destination,
  }));
  await Promise.all(
    copies.map(async ({ from, source }) => {
      const fields = new FieldsBuilder()
        .add(Tag.PATH, source)
        .add(Tag.MODE, 0o644)
        .add(Tag.CONTENT, await readFile(from));
      await machine.request(FrameType.WRITE_FILE, fields);
    }),
  );
  return bindWords(copies);
}
