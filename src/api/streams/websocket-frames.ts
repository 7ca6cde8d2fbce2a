/** WebSocket frames (RFC 6455, section 5), as a server reads and writes them: what comes is passed on as it comes, never gathered. */
import { AbodeError } from '../../base/errors.ts';

export type ClientEvent =
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'ping'; readonly data: Buffer }
  | { readonly kind: 'close'; readonly code: number };

export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];

/** Close codes (section 7.4.1). */
export const NORMAL = 1000;
export const PROTOCOL_ERROR = 1002;
const NO_STATUS = 1005;
const MAX_CONTROL = 125;

export function encodeFrame(opcode: Opcode, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length <= 125 ? 2 : length <= 0xffff ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length <= 125) head[1] = length;
  else if (length <= 0xffff) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

export function encodeClose(code: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return encodeFrame(OPCODE.CLOSE, payload);
}

interface Current {
  readonly opcode: number;
  readonly mask: Buffer;
  left: number;
  position: number;
  /** Of a control frame, which is whole before it means something. */
  readonly gathered: Buffer[];
}

export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);
  #current: Current | undefined;
  #inMessage = false;

  /** What the bytes bring; throws when they are no frames of a client. */
  *push(chunk: Buffer): Generator<ClientEvent> {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      this.#current ??= this.#readHead();
      if (this.#current === undefined) return;
      const event = this.#take(this.#current);
      const ended = this.#current.left === 0;
      if (ended) this.#current = undefined;
      if (event !== undefined) yield event;
      if (!ended) return;
    }
  }

  #readHead(): Current | undefined {
    const bytes = this.#pending;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    const opcode = first & 0x0f;
    const short = second & 0x7f;
    const size = short === 126 ? 2 : short === 127 ? 8 : 0;
    this.#check(first, second, short);
    if (bytes.length < 2 + size + 4) return undefined;
    const long = size === 2 ? BigInt(bytes.readUInt16BE(2)) : size === 8 ? bytes.readBigUInt64BE(2) : BigInt(short);
    if (long > BigInt(Number.MAX_SAFE_INTEGER)) throw broken('a frame of more bytes than there can be');
    const mask = bytes.subarray(2 + size, 6 + size);
    this.#pending = bytes.subarray(6 + size);
    if (opcode < OPCODE.CLOSE) this.#inMessage = (first & 0x80) === 0;
    return { opcode, mask, left: Number(long), position: 0, gathered: [] };
  }

  #check(first: number, second: number, short: number): void {
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0) throw broken('reserved bits are set');
    if ((second & 0x80) === 0) throw broken("a client's frame is not masked");
    if (opcode >= OPCODE.CLOSE) {
      if (opcode > OPCODE.PONG) throw broken('an unknown opcode');
      if ((first & 0x80) === 0 || short > MAX_CONTROL) throw broken('a control frame that is too long, or in pieces');
    } else if (opcode > OPCODE.BINARY || (opcode === OPCODE.CONTINUATION) !== this.#inMessage) {
      throw broken('a message in the middle of another, or none to continue');
    }
  }

  #take(current: Current): ClientEvent | undefined {
    const part = Buffer.from(this.#pending.subarray(0, Math.min(current.left, this.#pending.length)));
    this.#pending = this.#pending.subarray(part.length);
    for (let at = 0; at < part.length; at += 1) part[at] = (part[at] ?? 0) ^ (current.mask[(current.position + at) % 4] ?? 0);
    current.left -= part.length;
    current.position = (current.position + part.length) % 4;
    if (current.opcode < OPCODE.CLOSE) return part.length === 0 ? undefined : { kind: 'data', data: part };
    current.gathered.push(part);
    return current.left > 0 ? undefined : controlEvent(current.opcode, Buffer.concat(current.gathered));
  }
}

function controlEvent(opcode: number, data: Buffer): ClientEvent | undefined {
  if (opcode === OPCODE.PING) return { kind: 'ping', data };
  if (opcode === OPCODE.CLOSE) return { kind: 'close', code: data.length >= 2 ? data.readUInt16BE(0) : NO_STATUS };
  return undefined;
}

function broken(why: string): AbodeError {
  return new AbodeError('invalid', `websocket: ${why}`);
}
