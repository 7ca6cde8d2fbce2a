/** Reads json-file logs: whole, from the end, and on as they grow. */
import { type FSWatcher, watch } from 'node:fs';
import type { LogEntry, LogOptions } from './api.ts';
import { inodeOf, type LogFile, openLogFiles } from './log-file.ts';

/** For what inotify cannot tell: a file that was rotated away, or that is not there yet. */
const LOOK_MS = 1000;

export interface LogSource {
  readonly path: string;
  /** Rotated files beside it: `path.1` is the newest of them. */
  readonly maxFiles: number;
  /** Settles when nothing more will be written. */
  readonly ended: Promise<unknown>;
}

/** Many entries at a time: a step for each one of them would cost more than the entry. */
export async function* readLog(source: LogSource, options: LogOptions): AsyncGenerator<LogEntry[]> {
  const files = await openLogFiles(source.path, source.maxFiles);
  try {
    if (options.tail !== undefined) await seekTail(files, options.tail);
    while (files[0] !== undefined && !(options.follow && files.length === 1)) {
      // A log that grows as fast as it is read would have no end: without following, it is what is there now.
      if ((yield* entries(files[0], await files[0].size(), options)) || options.signal.aborted) return;
      await files.shift()?.close();
    }
    if (options.follow) yield* follow(source, files, options);
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** Leaves the files that have none of the last `count` lines at their end. */
async function seekTail(files: readonly LogFile[], count: number): Promise<void> {
  let left = count;
  for (const file of files.toReversed()) left = await file.seekTail(left);
}

/**
 * Until the writer has ended; `files` are those to be read yet, the last of them being the one that is written. A rotation is followed:
 * the writer has left a file when there is a newer one, so what it wrote last is read from it before it is given up.
 */
async function* follow(source: LogSource, files: LogFile[], options: LogOptions): AsyncGenerator<LogEntry[]> {
  const { signal } = options;
  using changes = new Changes(source, options);
  for (;;) {
    const { ended } = changes;
    changes.seen();
    files.push(...(await newerFiles(source, files.at(-1))));
    changes.watch(files.at(-1));
    while (files[0] !== undefined) {
      // A log that grows as fast as it is read would be read past the end that was asked for.
      if (yield* entries(files[0], Infinity, options)) return;
      if (files.length === 1) break;
      await files.shift()?.close();
    }
    if (signal.aborted || ended) return;
    await changes.next();
  }
}

/** Those after `file`, the oldest first. */
async function newerFiles(source: LogSource, file: LogFile | undefined): Promise<LogFile[]> {
  const current = await inodeOf(source.path);
  if (current === undefined || current === file?.inode) return [];
  const files = await openLogFiles(source.path, source.maxFiles);
  const known = files.findIndex(({ inode }) => inode === file?.inode);
  await Promise.all(files.splice(0, known + 1).map((old) => old.close()));
  return files;
}

/** The most that a timer takes, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Wakes a follower when there may be more to read, the writer has ended, the time is up or the client is gone; what comes between two
 * waits is kept.
 */
class Changes implements Disposable {
  readonly #path: string;
  readonly #signal: AbortSignal;
  #watcher: FSWatcher | undefined;
  #watched: LogFile | undefined;
  #changed = false;
  #wake: () => void = () => undefined;
  readonly #limit: NodeJS.Timeout | undefined;
  ended = false;

  constructor(source: LogSource, { signal, until }: Pick<LogOptions, 'signal' | 'until'>) {
    this.#path = source.path;
    this.#signal = signal;
    const end = (): void => {
      this.ended = true;
      this.#poke();
    };
    source.ended.then(end, end);
    const left = until === undefined ? undefined : until * 1000 - Date.now();
    if (left !== undefined && left <= 0) this.ended = true;
    else if (left !== undefined) this.#limit = setTimeout(end, Math.min(Math.ceil(left), LONGEST_TIMER_MS));
    signal.addEventListener('abort', this.#poke, { once: true });
  }

  readonly #poke = (): void => {
    this.#changed = true;
    this.#wake();
  };

  /** A watch is on a file, not on its name: another file needs another. */
  watch(file: LogFile | undefined): void {
    if (file === this.#watched) return;
    this.#watcher?.close();
    this.#watched = file;
    try {
      this.#watcher = watch(this.#path, this.#poke).on('error', this.#poke);
    } catch {
      this.#watcher = undefined; // looked at from time to time
    }
  }

  /** What is told from now on is new. */
  seen(): void {
    this.#changed = false;
  }

  async next(): Promise<void> {
    if (this.#changed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#limit);
    this.#watcher?.close();
    this.#signal.removeEventListener('abort', this.#poke);
  }
}

/** Gives whether it met an entry that is too late: those after it are too. */
async function* entries(file: LogFile, end: number, options: LogOptions): AsyncGenerator<LogEntry[], boolean> {
  const { signal, since, until } = options;
  for await (const lines of file.lines(end)) {
    if (signal.aborted) return false;
    const wanted: LogEntry[] = [];
    let late = false;
    for (const line of parse(lines)) {
      const seconds = since === undefined && until === undefined ? 0 : secondsOf(line.time);
      late = until !== undefined && seconds > until;
      if (late) break;
      if (since !== undefined && seconds < since) continue;
      const stream = line.stream === 'stderr' ? 'stderr' : 'stdout';
      if (options[stream]) wanted.push(entryOf(line, stream));
    }
    if (wanted.length > 0) yield wanted;
    if (late) return true;
  }
  return false;
}

interface Line {
  readonly log: string;
  readonly stream: string;
  readonly attrs?: LogEntry['attributes'];
  readonly time: string;
}

function entryOf({ log, attrs, time }: Line, stream: LogEntry['stream']): LogEntry {
  return { data: Buffer.from(log), stream, time, ...(attrs === undefined ? {} : { attributes: attrs }) };
}

/** The shim writes these lines: together they are parsed in half the time. */
function parse(lines: readonly string[]): Line[] {
  try {
    return JSON.parse(`[${lines.join(',')}]`) as Line[];
  } catch {
    return lines.flatMap(parseOne);
  }
}

/** One that a full disk cut short is skipped. */
function parseOne(line: string): Line[] {
  try {
    return [JSON.parse(line) as Line];
  } catch {
    return [];
  }
}

function secondsOf(time: string): number {
  const fraction = /\.(\d+)Z$/.exec(time)?.[1] ?? '0';
  return Date.parse(`${time.slice(0, 19)}Z`) / 1000 + Number(`0.${fraction}`);
}
