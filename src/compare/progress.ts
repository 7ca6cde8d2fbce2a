/** Steps on stderr: live where it is a terminal, one line each where it is not. */
import { Listr, type ListrDefaultRendererLogLevels, ListrLogger, ProcessOutput } from 'listr2';

export interface Progress {
  /** Runs one step; `report` says where it is. */
  step<T>(title: string, action: (report: (state: string) => void) => Promise<T>): Promise<T>;
  warn(message: string): void;
}

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? new LiveProgress(stream) : new PlainProgress(stream);
}

class LiveProgress implements Progress {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  async step<T>(title: string, action: (report: (state: string) => void) => Promise<T>): Promise<T> {
    let result: { value: T } | undefined;
    const list = new Listr(
      [
        {
          title,
          task: async (_context, task) => {
            result = {
              value: await action((state) => {
                task.title = `${title}: ${state}`;
              }),
            };
          },
        },
      ],
      {
        renderer: 'default',
        // The caller's own handler cleans up.
        registerSignalListeners: false,
        rendererOptions: {
          logger: new ListrLogger<ListrDefaultRendererLogLevels>({
            processOutput: new ProcessOutput(this.#stream, this.#stream),
          }),
        },
      },
    );
    await list.run();
    if (result === undefined) throw new Error('a step ended without a result');
    return result.value;
  }

  warn(message: string): void {
    this.#stream.write(`abode: ${message}\n`);
  }
}

class PlainProgress implements Progress {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  async step<T>(title: string, action: (report: (state: string) => void) => Promise<T>): Promise<T> {
    const write = (text: string): void => void this.#stream.write(`${text}\n`);
    write(title);
    return await action((state) => {
      write(`${title}: ${state}`);
    });
  }

  warn(message: string): void {
    this.#stream.write(`abode: ${message}\n`);
  }
}
