/** The one module that starts child processes: argument arrays, explicit environment, bounded output, a deadline. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AbodeError, hasErrno } from './errors.ts';

export interface RunOptions {
  /** Milliseconds until the process is killed; default 60,000. */
  readonly timeoutMs?: number;
  readonly input?: string | Uint8Array | Readable;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Bytes kept of each output; the rest is read and dropped. Default 1 MiB. */
  readonly maxOutput?: number;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that could not be started, ended with a status other than 0, by a signal, or at its deadline. */
export class ProcessError extends AbodeError {
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(message: string, exitCode: number | null, stderr: string, cause?: unknown) {
    super('internal', message, { cause });
    this.name = 'ProcessError';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** PATH with the system directories, for daemons started from a bare environment. */
export const systemEnvironment: NodeJS.ProcessEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
};

/** Runs a command to its end and gives what it printed. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const maxOutput = options.maxOutput ?? 1 << 20;
  const child = spawn(command, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: options.env ?? systemEnvironment,
    cwd: options.cwd,
    signal: options.signal,
  });
  const stdout = collect(child.stdout, maxOutput);
  const stderr = collect(child.stderr, maxOutput);
  const deadline = AbortSignal.timeout(options.timeoutMs ?? 60_000);
  const kill = (): void => {
    child.kill('SIGKILL');
    // A child of its own may live on with the same outputs: they are not waited for.
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  deadline.addEventListener('abort', kill, { once: true });
  try {
    const [exitCode, signalName] = await Promise.all([closed(child, command), feed(child, options.input)]).then(([end]) => end);
    if (exitCode !== 0) {
      const how = deadline.aborted
        ? `did not end within ${String(options.timeoutMs ?? 60_000)} ms`
        : exitCode === null
          ? `was ended by ${String(signalName)}`
          : `failed with status ${String(exitCode)}`;
      const detail = stderr().trim() || stdout().trim();
      throw new ProcessError(`${command} ${how}${detail === '' ? '' : `: ${detail}`}`, exitCode, stderr());
    }
    return { stdout: stdout(), stderr: stderr() };
  } finally {
    deadline.removeEventListener('abort', kill);
  }
}

/** Starts a process that outlives its caller, in a session of its own. */
export function spawnDetached(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, { env: systemEnvironment, ...options, detached: true });
  child.unref();
  return child;
}

/** Starts a process whose streams the caller handles. */
export function spawnPiped(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(command, args, { env: systemEnvironment, stdio: ['pipe', 'pipe', 'pipe'], ...options });
}

function closed(child: ChildProcess, command: string): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      const what = child.pid === undefined ? 'could not be started' : 'was given up';
      reject(new ProcessError(`${command} ${what}: ${cause.message}`, null, '', cause));
    });
    child.once('close', (code, signalName) => {
      resolve([code, signalName]);
    });
  });
}

async function feed(child: ChildProcess, input: RunOptions['input']): Promise<void> {
  if (input === undefined || child.stdin === null) return;
  // A child that leaves without reading its input says so by its status.
  child.stdin.on('error', () => undefined);
  if (typeof input === 'string' || input instanceof Uint8Array) {
    child.stdin.end(input);
  } else {
    await pipeline(input, child.stdin).catch((error: unknown) => {
      const ended = child.exitCode !== null || child.signalCode !== null;
      if (!hasErrno(error, 'EPIPE') && !(ended && hasErrno(error, 'ERR_STREAM_PREMATURE_CLOSE'))) throw error;
    });
  }
}

function collect(stream: Readable | null, max: number): () => string {
  const chunks: Buffer[] = [];
  let kept = 0;
  stream?.on('data', (chunk: Buffer) => {
    if (kept < max) chunks.push(chunk.subarray(0, max - kept));
    kept += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
