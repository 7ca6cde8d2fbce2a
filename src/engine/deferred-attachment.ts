/** An attachment to a process that has not started yet: connected just before the start, so that it misses nothing. */
import type { Attachment, OutputChunk } from './api.ts';

export class DeferredAttachment implements Attachment {
  readonly tty: boolean;
  readonly #inner: Promise<Attachment | undefined>;
  #resolve: (attachment: Attachment | undefined) => void = () => undefined;
  #closed = false;
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

  async *#chunks(): AsyncGenerator<OutputChunk> {
    const attachment = await this.#inner;
    if (attachment !== undefined) yield* attachment.output;
  }
}
