/** One container from its creation to its removal, with the moments in between. */
import { AbodeError } from '../base/errors.ts';
import type { Attached } from '../docker-client/attached.ts';
import type { OutputStream } from '../docker-client/demultiplex.ts';
import { settle, untilAborted } from './abortable.ts';
import type { Column } from './column.ts';

export interface RunRequest {
  /** Undefined: the image's own. */
  readonly command: readonly string[] | undefined;
  readonly stdin: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

const CREATE_MS = 120_000;
const CLEAN_UP_MS = 60_000;
/** Kept of the output for error messages. */
const KEPT_OUTPUT = 2000;

export class ContainerRun implements AsyncDisposable {
  readonly id: string;
  /** When the request to create it was sent; milliseconds of the monotonic clock, as all moments here. */
  readonly requested: number;
  started: number = Number.NaN;
  firstByte: number | undefined;
  #output = '';
  #lines = 0;
  #lineWaiter: { count: number; resolve: (at: number) => void } | undefined;
  #attached: Attached | undefined;
  #removed = false;
  readonly #column: Column;
  readonly #signal: AbortSignal;

  private constructor(column: Column, id: string, requested: number, signal: AbortSignal) {
    this.#column = column;
    this.id = id;
    this.requested = requested;
    this.#signal = signal;
  }

  static async start(column: Column, request: RunRequest): Promise<ContainerRun> {
    const { client, image, runtime, ulimits } = column;
    const { command, stdin, labels, signal } = request;
    const requested = performance.now();
    const id = await settle(
      client.create({ image, command, stdin, runtime, labels, ...(ulimits !== undefined && { ulimits }) }, AbortSignal.timeout(CREATE_MS)),
      signal,
      (late) => client.remove(late, { force: true, signal: AbortSignal.timeout(CLEAN_UP_MS) }),
    );
    const run = new ContainerRun(column, id, requested, signal);
    try {
      run.#attached = await client.attach(id, {
        stdin,
        signal,
        listener: (stream, data) => {
          run.#take(stream, data);
        },
      });
      await client.start(id, signal);
      run.started = performance.now();
      return run;
    } catch (error) {
      await run[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** When the `count`th line of output ended; an output that ends before it is an error. */
  async line(count: number): Promise<number> {
    if (this.#lines >= count) return performance.now();
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#lineWaiter = { count, resolve };
    const early = this.#ended().then(async (): Promise<never> => {
      const status = await this.#column.client.wait(this.id, this.#signal);
      throw this.#failure(`ended with status ${String(status)} before its work was done`);
    });
    early.catch(() => undefined);
    return await untilAborted(Promise.race([promise, early]), this.#signal);
  }

  async write(text: string): Promise<void> {
    await this.#attached?.write(text);
  }

  /** Waits for the end; gives the moment of its last output. A status other than 0 is an error. */
  async end(): Promise<number> {
    await untilAborted(this.#ended(), this.#signal);
    const ended = performance.now();
    const status = await this.#column.client.wait(this.id, this.#signal);
    if (status !== 0) throw this.#failure(`ended with status ${String(status)}`);
    return ended;
  }

  /** Removes the ended container; gives the moment when that was answered. */
  async remove(): Promise<number> {
    await this.#column.client.remove(this.id, { force: false, signal: this.#signal });
    this.#removed = true;
    return performance.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#attached?.[Symbol.dispose]();
    if (this.#removed) return;
    // The sweep at the end of the comparison meets what is left.
    await this.#column.client.remove(this.id, { force: true, signal: AbortSignal.timeout(CLEAN_UP_MS) }).catch(() => undefined);
  }

  #ended(): Promise<void> {
    return this.#attached?.ended ?? Promise.resolve();
  }

  #take(_stream: OutputStream, data: Buffer): void {
    const now = performance.now();
    this.firstByte ??= now;
    for (const byte of data) if (byte === 0x0a) this.#lines += 1;
    if (this.#output.length < KEPT_OUTPUT) this.#output += data.toString('utf8');
    if (this.#lineWaiter !== undefined && this.#lines >= this.#lineWaiter.count) {
      this.#lineWaiter.resolve(now);
      this.#lineWaiter = undefined;
    }
  }

  #failure(what: string): AbodeError {
    const output = this.#output.trim().slice(-400);
    return new AbodeError('conflict', `the container ${what}${output === '' ? '' : `: ${output}`}`);
  }
}
