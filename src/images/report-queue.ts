/** Lines from several actions at once, in the order in which they came, for one reader. */
export class ReportQueue<T> {
  readonly #waiting: T[] = [];
  #wake: () => void = () => undefined;

  push(line: T): void {
    this.#waiting.push(line);
    this.#wake();
  }

  /** Yields until `action` has ended; its error is thrown when all lines before it were read. */
  async *until<R>(action: Promise<R>): AsyncGenerator<T, R> {
    let ended = false;
    const end = (): void => {
      ended = true;
      this.#wake();
    };
    action.then(end, end);
    for (;;) {
      const line = this.#waiting.shift();
      if (line !== undefined) yield line;
      else if (ended) return await action;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
