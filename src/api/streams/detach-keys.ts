/** The keys that take a client off a terminal and leave the process running. */
import { invalid } from '../../base/errors.ts';

/** ctrl-p ctrl-q */
export const DEFAULT_DETACH_KEYS: readonly number[] = [0x10, 0x11];

/** `ctrl-a,b`: single characters, or ctrl- with a letter or one of `@ [ \ ] ^ _`. */
export function parseDetachKeys(text: string): readonly number[] {
  if (text === '') return DEFAULT_DETACH_KEYS;
  return text.split(',').map((key) => {
    if (key.length === 1 && key.charCodeAt(0) < 0x80) return key.charCodeAt(0);
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key);
    if (control?.[1] === undefined) throw invalid(`Invalid detach keys (${text}) provided: Unknown character: '${key}'`);
    return control[1].toUpperCase().charCodeAt(0) & 0x1f;
  });
}

export interface Scanned {
  readonly data: Buffer;
  readonly detached: boolean;
}

/** Finds the keys in what is typed. What may be their beginning is held back until it is known. */
export class DetachScanner {
  readonly #keys: readonly number[];
  #held: number[] = [];

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  scan(input: Buffer): Scanned {
    if (this.#held.length === 0 && !input.includes(this.#keys[0] ?? -1)) return { data: input, detached: false };
    const passed: number[] = [];
    for (const byte of input) {
      this.#held.push(byte);
      while (!this.#held.every((held, index) => held === this.#keys[index])) passed.push(this.#held.shift() ?? 0);
      if (this.#held.length === this.#keys.length) return { data: Buffer.from(passed), detached: true };
    }
    return { data: Buffer.from(passed), detached: false };
  }
}
