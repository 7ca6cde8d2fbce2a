/** An attachment to a process that has not started yet: connected just before the start, so that it misses nothing. */
import type { Attachment, OutputChunk } from './api.ts';

export class DeferredAttachment implements Attachment {
  readonly tty: boolean;
  readonly #inner: Promise<Attachment | undefined>;
  #resolve: (attachment: Attachment | undefined) => void = () => undefined;
  #closed = false;
  readonly #announced: OutputChunk[] = [];
  #wake: (() => void) | undefined;
  readonly #onClose: () => void;

  constructor(tty: boolean, onClose: () => void) {
    this.tty = tty;
    this.#onClose = onClose;
    this.#inner = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Undefined: the process will never start. */
  connect(attachment: Attachment | undefined): void {
    if (this.#closed) attachment?.close();
    else this.#resolve(attachment);
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#chunks();
  }

  async write(data: Buffer): Promise<void> {
    await (await this.#inner)?.write(data);
  }

  endInput(): void {
    void this.#inner.then((attachment) => attachment?.endInput());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    void this.#inner.then((attachment) => attachment?.close());
    this.#resolve(undefined);
  }

  /** Something to tell the client on its stderr before the process says anything. */
  announce(text: string): void {
    this.#announced.push({ stream: this.tty ? 'stdout' : 'stderr', data: Buffer.from(this.tty ? text.replaceAll('\n', '\r\n') : text) });
    this.#wake?.();
  }

  async *#chunks(): AsyncGenerator<OutputChunk> {
    // Until the process's first byte both can come, announcements and output; then only output.
    const first = this.#inner.then(async (attachment) => {
      const output = attachment?.output[Symbol.asyncIterator]();
      return { output, chunk: await output?.next() };
    });
    let begun: Awaited<typeof first> | undefined;
    void first.then(
      (result) => {
        begun = result;
        this.#wake?.();
      },
      () => this.#wake?.(),
    );
    while (begun === undefined) {
      const announced = this.#announced.shift();
      if (announced !== undefined) {
        yield announced;
        continue;
      }
      await Promise.race([
        first,
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
      ]);
    }
    yield* this.#announced.splice(0);
    const { output, chunk } = await first;
    if (output === undefined || chunk === undefined || chunk.done === true) return;
    yield chunk.value;
    yield* { [Symbol.asyncIterator]: () => output };
  }
}
