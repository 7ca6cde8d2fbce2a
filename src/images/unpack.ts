/** The agent's `unpack`: a confined process that reads a plain tar on its stdin. */
import type { ChildProcess } from 'node:child_process';
import { AbodeError } from '../base/errors.ts';
import { spawnPiped } from '../base/process.ts';
import { corrupt } from './archive-error.ts';
import { writeChunk } from './write-chunk.ts';

const MAX_STDERR = 4096;
/** After the last byte there is little left to do. */
const END_MS = 300_000;

export class Unpacking implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<{ code: number | null; error?: Error }>;
  #stderr = '';
  #reads = true;

  constructor(agentPath: string, directory: string) {
    this.#child = spawnPiped(agentPath, ['unpack', directory], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.#closed = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        resolve({ code: null, error });
      });
      this.#child.once('close', (code) => {
        resolve({ code });
      });
    });
    this.#child.stdin?.on('error', () => undefined); // why it stopped reading is in its status
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      if (this.#stderr.length < MAX_STDERR) this.#stderr += chunk.toString('utf8', 0, MAX_STDERR);
    });
  }

  /** What follows the end of the tar it need not read. */
  async write(chunk: Buffer): Promise<void> {
    if (!this.#reads || this.#child.stdin === null) return;
    this.#reads = await writeChunk(this.#child.stdin, chunk);
    if (!this.#reads) await this.#check();
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    try {
      await this.#check();
    } finally {
      clearTimeout(timer);
    }
  }

  async #check(): Promise<void> {
    const { code, error } = await this.#closed;
    if (error !== undefined)
      throw new AbodeError('unavailable', `the agent could not be started: ${error.message}`, {
        cause: error,
      });
    if (code === null) throw new AbodeError('internal', 'unpacking a layer was ended by a signal');
    if (code !== 0) {
      const reason = this.#stderr.trim().replace(/^abode-agent: /, '') || `unpack failed with status ${String(code)}`;
      if (/No space left on device|Disk quota exceeded/.test(reason)) throw new AbodeError('unavailable', reason);
      throw corrupt(reason);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
