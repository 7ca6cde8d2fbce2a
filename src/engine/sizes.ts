/** How much of the disk containers take, as `docker ps -s` and `docker system df` tell it. */
import type { Log } from '../base/log.ts';
import { messageOf } from '../base/errors.ts';
import type { ContainerSize } from './api.ts';
import type { ContainerRecord } from './record.ts';

export interface SizesParts {
  /** Bytes in the writable layer; undefined where nobody can tell now. */
  readonly usage: (record: ContainerRecord) => Promise<number | undefined>;
  readonly imageSize: (record: ContainerRecord) => number;
  readonly log: Log;
}

/** Walking many trees at once is no quicker. */
const AT_ONCE = 4;

export class Sizes {
  readonly #parts: SizesParts;
  /** What was told last: of a VM that is paused, or of a container in a shared VM that does not run, nobody can tell more. */
  readonly #last = new Map<string, number>();

  constructor(parts: SizesParts) {
    this.#parts = parts;
  }

  async of(record: ContainerRecord): Promise<ContainerSize> {
    const rw = (await this.#measure(record)) ?? this.#last.get(record.id) ?? 0;
    this.#last.set(record.id, rw);
    return { rw, rootFs: rw + this.#parts.imageSize(record) };
  }

  async ofAll(records: readonly ContainerRecord[]): Promise<ReadonlyMap<string, ContainerSize>> {
    const sizes = new Map<string, ContainerSize>();
    const left = [...records];
    const work = async (): Promise<void> => {
      for (let record = left.shift(); record !== undefined; record = left.shift()) sizes.set(record.id, await this.of(record));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return sizes;
  }

  forget(id: string): void {
    this.#last.delete(id);
  }

  /** A list must not fail for one of its lines: a container that ends meanwhile, a VM that does not answer. */
  async #measure(record: ContainerRecord): Promise<number | undefined> {
    try {
      return await this.#parts.usage(record);
    } catch (error) {
      this.#parts.log.debug({ container: record.id, error: messageOf(error) }, 'the size of a container');
      return undefined;
    }
  }
}
