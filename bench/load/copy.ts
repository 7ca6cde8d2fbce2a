/** What `docker cp` asks of an engine: a tar put into a container, and got out of it. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { AbodeError } from '../../src/base/errors.ts';
import { startContainer, SLEEPS } from './containers.ts';
import { countBytes } from './count-bytes.ts';
import { CONTAINERS, type LoadCase, timed } from './load-case.ts';

const SMALL = 1000;
const IN_ONE_DIRECTORY = 100;
const CHUNK = 64 << 10;

export function treeCase(files: number): LoadCase {
  const amount = { value: files, unit: 'files' };
  const entries = Array.from({ length: files }, (_, index) => ({
    name: `copied/${String(Math.floor(index / IN_ONE_DIRECTORY))}/${String(index)}`,
    size: SMALL,
  }));
  return copyCase('cp-tree', `a tree of ${String(files)} files of ${String(SMALL)} bytes copied`, amount, entries);
}

export function fileCase(megabytes: number): LoadCase {
  const amount = { value: megabytes, unit: 'MB' };
  return copyCase('cp-file', `one file of ${String(megabytes)} MB copied`, amount, [{ name: 'copied/file', size: megabytes * 1e6 }]);
}

interface Entry {
  readonly name: string;
  readonly size: number;
}

function copyCase(name: string, title: string, amount: { value: number; unit: string }, entries: readonly Entry[]): LoadCase {
  let archive: Promise<Buffer> | undefined;
  return {
    name,
    title,
    columns: CONTAINERS,
    measures: [
      { name: 'in', amount },
      { name: 'out', amount },
    ],
    prepare: async (column, signal) => {
      archive ??= writeArchive(entries);
      const content = await archive;
      const { transport } = column.client;
      const contained = entries.reduce((sum, { size }) => sum + size, 0);
      return async () => {
        const path = `/containers/${await startContainer(column, SLEEPS, signal)}`;
        const into = await timed(() =>
          transport.call('PUT', `${path}/archive`, { query: { path: '/' }, archive: Readable.from(chunksOf(content)), signal }),
        );
        const out = await timed(async () => {
          const got = await countBytes(await transport.open('GET', `${path}/archive`, { query: { path: '/copied' }, signal }));
          if (got < contained) throw new AbodeError('internal', `${String(got)} bytes came back, the files have ${String(contained)}`);
        });
        await transport.call('DELETE', path, { query: { force: '1' }, signal });
        return { in: into, out };
      };
    },
  };
}

function* chunksOf(content: Buffer): Generator<Buffer> {
  for (let from = 0; from < content.length; from += CHUNK) yield content.subarray(from, from + CHUNK);
}

async function writeArchive(entries: readonly Entry[]): Promise<Buffer> {
  const stream = pack();
  const noise = randomBytes(1 << 20);
  for (const { name, size } of entries) {
    stream.entry({ name, mode: 0o644 }, size <= noise.length ? noise.subarray(0, size) : Buffer.alloc(size, noise));
  }
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
