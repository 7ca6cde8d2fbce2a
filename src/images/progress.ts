/** Runs an action and tells meanwhile, a few times a second, the last number that it reported. */
export async function* withProgress<T>(action: (report: (value: number) => void) => Promise<T>, everyMs = 200): AsyncGenerator<number, T> {
  let last: number | undefined;
  let told: number | undefined;
  let done = false;
  const running = action((value) => {
    last = value;
  }).finally(() => {
    done = true;
  });
  try {
    while (!done) {
      let timer: NodeJS.Timeout | undefined;
      const tick = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, everyMs);
      });
      await Promise.race([running, tick]).finally(() => {
        clearTimeout(timer);
      });
      if (last !== undefined && last !== told) {
        told = last;
        yield last;
      }
    }
    return await running;
  } finally {
    // Who stops listening does not stop the action, and must not clean up under it.
    await running.catch(() => undefined);
  }
}
