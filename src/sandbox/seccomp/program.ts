/**
 * A BPF program under construction, from its end to its beginning: its jumps go forward only, so the target of each is known when it is
 * written, and what two of them lead to is written once. What lies further away than a conditional jump reaches is bridged.
 */
export type Place = number; // counted from the program's end

// linux/bpf_common.h
const LD_W_ABS = 0x20;
const AND = 0x54;
const JA = 0x05;
const RET = 0x06;
export const JEQ = 0x15;
export const JGT = 0x25;
export const JGE = 0x35;

type Comparison = typeof JEQ | typeof JGT | typeof JGE;

interface Instruction {
  readonly code: number;
  readonly k: number;
  readonly jt: number;
  readonly jf: number;
}

/** A conditional jump has a byte for its distance. */
const REACH = 255;

export class Program {
  readonly #reversed: Instruction[] = [];
  /** What was written already, by what it does. */
  readonly #known = new Map<string, Place>();
  /** The last bridge to a place. */
  readonly #bridges = new Map<Place, Place>();

  get length(): number {
    return this.#reversed.length;
  }

  return(verdict: number): Place {
    return this.#once(`return ${String(verdict)}`, () => this.#write(RET, verdict));
  }

  /** Loads 32 bits of struct seccomp_data. */
  load(offset: number, next: Place): Place {
    return this.#once(`load ${String(offset)} ${String(next)}`, () => this.#writeBefore(next, LD_W_ABS, offset));
  }

  and(mask: number, next: Place): Place {
    return this.#once(`and ${String(mask)} ${String(next)}`, () => this.#writeBefore(next, AND, mask));
  }

  /** A place, without the load it begins with where that is of what was loaded last. */
  past(place: Place, offset: number): Place {
    const target = this.#reversed[place];
    return target?.code === LD_W_ABS && target.k === offset ? place - 1 : place;
  }

  compare(comparison: Comparison, value: number, then: Place, otherwise: Place): Place {
    if (then === otherwise) return then;
    return this.#once([comparison, value, then, otherwise].join(' '), () => {
      // A bridge for the second moves the first one further away.
      const near = this.#bring(then, REACH - 1);
      const nearOtherwise = this.#bring(otherwise, REACH);
      return this.#write(comparison, value, this.#distance(near), this.#distance(nearOtherwise));
    });
  }

  /** struct sock_filter[]; the last written is the first to run. */
  encode(): Buffer {
    const data = Buffer.alloc(this.length * 8);
    this.#reversed.toReversed().forEach(({ code, jt, jf, k }, index) => {
      data.writeUInt16LE(code, index * 8);
      data.writeUInt8(jt, index * 8 + 2);
      data.writeUInt8(jf, index * 8 + 3);
      data.writeUInt32LE(k, index * 8 + 4);
    });
    return data;
  }

  #once(what: string, write: () => Place): Place {
    const known = this.#known.get(what);
    if (known !== undefined) return known;
    const place = write();
    this.#known.set(what, place);
    return place;
  }

  #write(code: number, k: number, jt = 0, jf = 0): Place {
    this.#reversed.push({ code, k, jt, jf });
    return this.length - 1;
  }

  /** An instruction that goes on with the one behind it. */
  #writeBefore(next: Place, code: number, k: number): Place {
    if (this.#distance(next) > 0) this.#write(JA, this.#distance(next));
    return this.#write(code, k);
  }

  #distance(place: Place): number {
    return this.length - 1 - place;
  }

  /** A place that does the same and is near enough: a verdict is given there, all else is jumped to. */
  #bring(place: Place, reach: number): Place {
    if (this.#distance(place) <= reach) return place;
    const bridge = this.#bridges.get(place);
    if (bridge !== undefined && this.#distance(bridge) <= reach) return bridge;
    const target = this.#reversed[place];
    const built = target?.code === RET ? this.#write(RET, target.k) : this.#write(JA, this.#distance(place));
    this.#bridges.set(place, built);
    return built;
  }
}
