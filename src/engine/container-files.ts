/** What `cp`, `diff`, `export` and the sizes need: a container's files, wherever they are and whether it runs or not. */
import { Readable } from 'node:stream';
import { AbodeError, conflict, invalid, notFound } from '../base/errors.ts';
import type { FileAccess } from '../sandbox/file-access.ts';
import { type Helper, HelperError } from '../sandbox/helper.ts';
import type { FileChange, PathStat, PutOptions } from './api.ts';
import { visibleChanges } from './file-changes.ts';
import { parsePathStat } from './path-stat.ts';
import type { MountPoint } from './mounts/mount-point.ts';
import type { ContainerRecord } from './record.ts';

export interface ContainerFilesParts {
  /** Opens them; of a container that does not run, it cannot be started until they are given back. */
  readonly open: (id: string) => Promise<FileAccess>;
  /** Only what it has mounted of the host: for that nothing of a VM is needed. */
  readonly openMounts: (id: string) => Promise<FileAccess>;
  readonly record: (id: string) => ContainerRecord;
}

export interface Archive {
  readonly stat: PathStat;
  /** A tar. Whoever got it reads it to the end or destroys it. */
  readonly content: Readable;
}

export class ContainerFiles {
  readonly #parts: ContainerFilesParts;

  constructor(parts: ContainerFilesParts) {
    this.#parts = parts;
  }

  async stat(id: string, reference: string, path: string): Promise<PathStat> {
    const absolute = absolutePath(path);
    await using files = await this.#openAt(id, absolute);
    const output = await told(reference, path, async () => runToEnd(files, [...(await files.root(true)), 'stat', absolute]));
    return parsePathStat(output, baseName(absolute)).stat;
  }

  async get(id: string, reference: string, path: string): Promise<Archive> {
    const absolute = absolutePath(path);
    const name = baseName(absolute);
    const files = await this.#openAt(id, absolute);
    try {
      const helper = await files.start([...(await files.root(true)), 'get', absolute, name]);
      const output = helper.output();
      const { stat, rest } = await told(reference, path, () => readStat(output, name));
      return { stat, content: stream(rest, output, files) };
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  async put(id: string, reference: string, path: string, archive: AsyncIterable<Uint8Array>, options: PutOptions): Promise<void> {
    const record = this.#parts.record(id);
    const absolute = absolutePath(path);
    const mount = mountOf(record, absolute);
    if (mount?.writable === false) throw invalid('mounted volume is marked read-only');
    if (mount === undefined && record.host.ReadonlyRootfs === true) throw invalid('container rootfs is marked read-only');
    const user = options.copyUidGid ? (record.config.User ?? '') : '';
    await using files = await this.#openAt(id, absolute);
    const words = [
      ...[...(await files.root(true)), 'put', absolute],
      ...(options.noOverwriteDirNonDir ? ['--keep-kinds'] : []),
      ...(user === '' ? [] : ['--user', user]),
    ];
    const helper = await files.start(words, { input: true });
    const done = helper.text();
    done.catch(() => undefined); // told below
    await told(reference, path, async () => {
      // One that failed says why; what it did not read any more is of no use to anybody.
      await send(archive, helper).catch(async (error: unknown) => {
        if (!helper.ended) {
          helper.close();
          throw error;
        }
        await done;
      });
      await done;
    });
  }

  async changes(id: string): Promise<FileChange[]> {
    await using files = await this.#open(id);
    const { root, lower } = files.layer();
    const output = await runToEnd(files, [...root, 'changes', lower]);
    return visibleChanges(output, this.#parts.record(id));
  }

  async export(id: string): Promise<Readable> {
    const files = await this.#open(id);
    try {
      const helper = await files.start([...(await files.root(false)), 'export']);
      return stream(undefined, helper.output(), files);
    } catch (error) {
      await files[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Bytes of the files in the writable layer. */
  async usage(id: string): Promise<number> {
    await using files = await this.#open(id);
    return Number(await runToEnd(files, [...files.layer().root, 'usage']).then(String));
  }

  /** Of a container in a VM what it has of the host is looked up on the host. */
  async #openAt(id: string, path: string): Promise<FileAccess> {
    const record = this.#parts.record(id);
    if (record.isolation.kind === 'container' || mountOf(record, path) === undefined) return this.#open(id);
    return this.#parts.openMounts(id);
  }

  async #open(id: string): Promise<FileAccess> {
    const { isolation, state } = this.#parts.record(id);
    // A VM that stands still answers nobody.
    if (isolation.kind === 'vm' && state.status === 'running' && state.paused)
      throw conflict(`Container ${id} is paused: its VM, which has its files, answers again when it is unpaused`);
    return this.#parts.open(id);
  }
}

/** Docker takes every path from the root; a slash or dot at its end means what a link there leads to. */
function absolutePath(path: string): string {
  if (path === '') throw invalid('bad parameter: pathcannot be empty');
  if (path.includes('\0')) throw invalid('bad parameter: path has a NUL byte');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const clean = `/${parts.join('/')}`;
  if (/(^|\/)\.$/.test(path)) return clean === '/' ? '/.' : `${clean}/.`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

/** What of the host the path is in: the innermost. */
function mountOf({ mounts = [] }: ContainerRecord, path: string): MountPoint | undefined {
  return mounts
    .filter(({ type, destination }) => type !== 'tmpfs' && (path === destination || path.startsWith(`${destination}/`)))
    .toSorted((one, other) => other.destination.length - one.destination.length)[0];
}

function baseName(absolute: string): string {
  const trimmed = absolute.replace(/\/+$/, '');
  return trimmed === '' ? '/' : trimmed.slice(trimmed.lastIndexOf('/') + 1);
}

async function runToEnd(files: FileAccess, words: readonly string[]): Promise<Buffer> {
  const helper = await files.start(words);
  return Buffer.concat(await Array.fromAsync(helper.output()));
}

/** The command's errors in Docker's words. */
async function told<T>(reference: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof HelperError)) throw error;
    if (error.helperCode === 'not-found') throw notFound(`Could not find the file ${path} in container ${reference}`);
    if (error.helperCode === 'not-a-directory' || error.helperCode === 'invalid') throw invalid(error.message);
    // A full disk, a mount point that cannot be replaced: the state of the container, not of the engine.
    if (error.helperCode === 'system') throw new AbodeError('conflict', error.message, { cause: error });
    throw new AbodeError('internal', error.message, { cause: error });
  }
}

/** What `get` says first: it ends with its second NUL. */
async function readStat(output: AsyncGenerator<Buffer>, name: string): Promise<{ stat: PathStat; rest: Buffer }> {
  let begin = Buffer.alloc(0);
  for (;;) {
    const { value, done } = await output.next();
    if (done === true) throw new AbodeError('internal', 'the archive ended before it began');
    begin = Buffer.concat([begin, value]);
    const first = begin.indexOf(0);
    const second = first < 0 ? -1 : begin.indexOf(0, first + 1);
    if (second >= 0) return { stat: parsePathStat(begin, name).stat, rest: begin.subarray(second + 1) };
  }
}

function stream(first: Buffer | undefined, output: AsyncGenerator<Buffer>, files: FileAccess): Readable {
  return Readable.from(
    (async function* () {
      try {
        if (first !== undefined && first.length > 0) yield first;
        yield* output;
      } finally {
        await output.return(undefined);
        await files[Symbol.asyncDispose]();
      }
    })(),
    { objectMode: false },
  );
}

async function send(archive: AsyncIterable<Uint8Array>, helper: Helper): Promise<void> {
  for await (const chunk of archive) {
    if (helper.ended) return;
    await helper.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  }
  if (!helper.ended) await helper.endInput();
}
