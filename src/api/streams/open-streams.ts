/** The responses that go on for as long as client and daemon live: when the daemon closes they are told. */
export class OpenStreams {
  readonly #open = new Set<AbortController>();
  #closed = false;

  add(stream: AbortController): void {
    if (this.#closed) stream.abort();
    else this.#open.add(stream);
  }

  remove(stream: AbortController): void {
    this.#open.delete(stream);
  }

  endAll(): void {
    this.#closed = true;
    for (const stream of this.#open) stream.abort();
  }
}
