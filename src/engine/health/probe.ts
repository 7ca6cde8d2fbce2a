/** One health check: a process beside the container's own, its output, and an end by force where it takes too long. */
import { messageOf } from '../../base/errors.ts';
import type { Execs } from '../execs.ts';
import type { ContainerRecord } from '../record.ts';
import { formatDuration } from './format-duration.ts';
import type { HealthResult } from './health-state.ts';

const MAX_OUTPUT = 4096;

export interface ProbeParts {
  readonly execs: Execs;
  readonly timeoutMs: number;
  /** The container ends or is paused: the check is given up. */
  readonly signal: AbortSignal;
}

export async function probe(container: ContainerRecord, command: readonly string[], parts: ProbeParts): Promise<HealthResult> {
  const start = new Date().toISOString();
  const finish = (exitCode: number, output: string): HealthResult => ({ start, end: new Date().toISOString(), exitCode, output });
  try {
    return finish(...(await runToEnd(container, command, parts)));
  } catch (error) {
    return finish(-1, messageOf(error));
  }
}

async function runToEnd(
  container: ContainerRecord,
  command: readonly string[],
  parts: ProbeParts,
): Promise<[exitCode: number, output: string]> {
  const { execs, timeoutMs, signal } = parts;
  const id = execs.create(container, {
    command,
    tty: false,
    attachStdin: false,
    attachStdout: true,
    attachStderr: true,
    detachKeys: '',
    user: '',
    env: [],
    workingDir: '',
    privileged: false,
  });
  const attachment = await execs.start(id, { detach: false });
  let isLate = false;
  const end = (): void => void execs.kill(id).catch(() => undefined);
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeoutMs);
  signal.addEventListener('abort', end, { once: true });
  try {
    const output = new Output();
    for await (const { data } of attachment?.output ?? []) output.add(data);
    if (!isLate) return [execs.get(id).exitCode ?? -1, output.text];
    const why = `Health check exceeded timeout (${formatDuration(timeoutMs)})`;
    return [-1, output.text === '' ? why : `${why}: ${output.text}`];
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
    attachment?.close();
  }
}

/** All is read, so that nobody waits for a reader; the first part is kept. */
class Output {
  readonly #chunks: Buffer[] = [];
  #size = 0;

  add(data: Buffer): void {
    if (this.#size < MAX_OUTPUT) this.#chunks.push(data.subarray(0, MAX_OUTPUT - this.#size));
    this.#size += data.length;
  }

  get text(): string {
    return `${Buffer.concat(this.#chunks).toString()}${this.#size > MAX_OUTPUT ? '...' : ''}`;
  }
}
