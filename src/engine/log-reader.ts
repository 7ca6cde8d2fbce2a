/** Reads json-file logs: whole, from the end, and on as they grow. */
import { watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { hasErrno } from '../base/errors.ts';
import type { LogEntry, LogOptions } from './api.ts';

const BLOCK = 256 * 1024;

export interface LogSource {
  readonly path: string;
  /** Rotated files beside it: `path.1` is the newest of them. */
  readonly maxFiles: number;
  /** Settles when nothing more will be written. */
  readonly ended: Promise<unknown>;
}

export async function* readLog(source: LogSource, options: LogOptions): AsyncGenerator<LogEntry> {
  const files = await existing(source);
  const skip = options.tail === undefined ? undefined : await startOfTail(files, options.tail);
  const { signal } = options;
  let position = 0;
  for (const [index, path] of files.entries()) {
    if (skip !== undefined && index < skip.file) continue;
    position = skip?.file === index ? skip.offset : 0;
    // A log that grows as fast as it is read would have no end: without following, it is what is there now.
    const reader = new LineReader(path, position, options.follow ? Infinity : (await stat(path)).size);
    for await (const line of reader.lines()) {
      if (signal.aborted) return;
      yield* select(line, options);
    }
    position = reader.position;
  }
  if (options.follow) yield* follow(source, position, options);
}

/** From where the reading stopped until the writer has ended; a rotation on the way is followed too. */
async function* follow(source: LogSource, start: number, options: LogOptions): AsyncGenerator<LogEntry> {
  const { signal } = options;
  let ended = false;
  let wake: (() => void) | undefined;
  const poke = (): void => wake?.();
  void source.ended.then(() => {
    ended = true;
    poke();
  });
  const watcher = watch(source.path, poke);
  watcher.on('error', poke);
  signal.addEventListener('abort', poke, { once: true });
  let position = start;
  let inode = (await stat(source.path)).ino;
  try {
    while (!signal.aborted) {
      const wasEnded = ended;
      const reader = new LineReader(source.path, position);
      for await (const line of reader.lines()) yield* select(line, options);
      position = reader.position;
      const now = await stat(source.path).catch(() => undefined);
      if (now !== undefined && now.ino !== inode) {
        inode = now.ino;
        position = 0;
        continue;
      }
      if (wasEnded) return;
      await new Promise<void>((resolve) => {
        // The timer is for what inotify cannot tell: a file that was rotated away.
        const timer = setTimeout(resolve, 1000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (ended || signal.aborted) wake();
      });
      wake = undefined;
    }
  } finally {
    watcher.close();
    signal.removeEventListener('abort', poke);
  }
}

class LineReader {
  readonly #path: string;
  readonly #end: number;
  position: number;

  constructor(path: string, position: number, end = Infinity) {
    this.#path = path;
    this.#end = end;
    this.position = position;
  }

  /** Whole lines only: one that is being written is left for the next time. */
  async *lines(): AsyncGenerator<string> {
    const file = await open(this.#path, 'r').catch(ignoreMissing);
    if (file === undefined) return;
    try {
      let rest = Buffer.alloc(0);
      let at = this.position;
      for (;;) {
        const block = Buffer.allocUnsafe(BLOCK);
        const { bytesRead } = await file.read(block, 0, Math.min(BLOCK, this.#end - at), at);
        if (bytesRead === 0) return;
        at += bytesRead;
        let data = Buffer.concat([rest, block.subarray(0, bytesRead)]);
        for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
          const line = data.toString('utf8', 0, end);
          this.position += end + 1;
          data = data.subarray(end + 1);
          yield line;
        }
        rest = Buffer.from(data);
      }
    } finally {
      await file.close();
    }
  }
}

async function existing(source: LogSource): Promise<string[]> {
  const paths = [
    ...Array.from({ length: Math.max(0, source.maxFiles - 1) }, (_, index) => `${source.path}.${String(source.maxFiles - 1 - index)}`),
    source.path,
  ];
  const found = await Promise.all(paths.map((path) => stat(path).then(() => [path], ignoreMissing)));
  return found.flatMap((path) => path ?? []);
}

/** Where the last `count` lines begin: read backwards, so that a long log costs no more than its end. */
async function startOfTail(files: readonly string[], count: number): Promise<{ file: number; offset: number }> {
  let left = count;
  for (let index = files.length - 1; index >= 0; index -= 1) {
    const file = await open(files[index] ?? '', 'r');
    try {
      const found = await lineStart(file, left);
      if (found.missing === 0 || index === 0) return { file: index, offset: found.offset };
      left = found.missing;
    } finally {
      await file.close();
    }
  }
  return { file: 0, offset: 0 };
}

async function lineStart(file: FileHandle, count: number): Promise<{ offset: number; missing: number }> {
  const { size } = await file.stat();
  if (count === 0) return { offset: size, missing: 0 };
  let seen = 0;
  for (let end = size; end > 0; end = Math.max(0, end - BLOCK)) {
    const start = Math.max(0, end - BLOCK);
    const block = Buffer.alloc(end - start);
    await file.read(block, 0, block.length, start);
    for (let at = block.lastIndexOf(10); at >= 0; at = at === 0 ? -1 : block.lastIndexOf(10, at - 1)) {
      // The newline at the very end closes the last line; each one before it begins another.
      if (start + at === size - 1) continue;
      seen += 1;
      if (seen === count) return { offset: start + at + 1, missing: 0 };
    }
  }
  const lines = size === 0 ? 0 : seen + 1;
  return { offset: 0, missing: Math.max(0, count - lines) };
}

function* select(line: string, options: LogOptions): Generator<LogEntry> {
  const entry = parse(line);
  if (entry === undefined) return;
  if (entry.stream === 'stdout' ? !options.stdout : !options.stderr) return;
  const seconds = options.since === undefined && options.until === undefined ? 0 : secondsOf(entry.time);
  if (options.since !== undefined && seconds < options.since) return;
  if (options.until !== undefined && seconds > options.until) return;
  yield entry;
}

/** The shim writes these lines; one that a full disk cut short is skipped. */
function parse(line: string): LogEntry | undefined {
  try {
    const { log, stream, time } = JSON.parse(line) as { log: string; stream: string; time: string };
    return { data: Buffer.from(log), stream: stream === 'stderr' ? 'stderr' : 'stdout', time };
  } catch {
    return undefined;
  }
}

function secondsOf(time: string): number {
  const fraction = /\.(\d+)Z$/.exec(time)?.[1] ?? '0';
  return Date.parse(`${time.slice(0, 19)}Z`) / 1000 + Number(`0.${fraction}`);
}

function ignoreMissing(error: unknown): undefined {
  if (hasErrno(error, 'ENOENT')) return undefined;
  throw error;
}
