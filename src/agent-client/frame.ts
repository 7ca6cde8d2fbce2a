/** Frames of the agent protocol (docs/agent-protocol.md, "Frames"): a 24-byte header and a payload. */
import { AbodeError } from '../base/errors.ts';

export const FrameType = {
  HELLO: 0x01,
  OK: 0x02,
  ERROR: 0x03,
  MOUNT: 0x10,
  UMOUNT: 0x11,
  WRITE_FILE: 0x12,
  MKDIR: 0x13,
  REMOVE: 0x14,
  RESOLVE_USER: 0x15,
  IDENTITY: 0x16,
  READ_FILE: 0x17,
  NET_VETH: 0x18,
  NET_LOOPBACK: 0x19,
  NET_CONFIGURE: 0x1a,
  NET_BRIDGE: 0x1b,
  NET_DELETE: 0x1c,
  START_RUNTIME: 0x20,
  START_PROCESS: 0x21,
  SIGNAL: 0x22,
  RESIZE: 0x23,
  ATTACH: 0x24,
  STATE: 0x25,
  RELEASE: 0x26,
  PREPARE: 0x27,
  START_HELPER: 0x28,
  DATA: 0x30,
  EOF: 0x31,
  ACK: 0x32,
  EXIT: 0x33,
  SANDBOX_EXIT: 0x34,
  VM_START: 0x40,
  QMP: 0x41,
  SHUTDOWN: 0x42,
  GUEST: 0x43,
  SPAWN_SHIM: 0x44,
  PORTS_OPEN: 0x48,
  PORTS_CLOSE: 0x49,
  PORTS_KEEP: 0x4a,
  PORTS_TRANSLATED: 0x4b,
  FILES_SERVE: 0x4c,
} as const;

export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const STDIN = 0;
export const STDOUT = 1;
export const STDERR = 2;

export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly proc: number;
  readonly request: number;
  readonly position: bigint;
  readonly payload: Buffer;
}

const HEADER = 24;
const VERSION = 1;
const MAX_PAYLOAD = 1 << 20;
/** The most that one DATA frame carries. */
export const MAX_DATA = 32_768;

export function encodeFrame(frame: Partial<Frame> & { type: number }): Buffer {
  const payload = frame.payload ?? Buffer.alloc(0);
  if (payload.length > MAX_PAYLOAD)
    throw new AbodeError('invalid', 'request too large for the agent: arguments, environment and options together exceed 1 MiB');
  const data = Buffer.allocUnsafe(HEADER + payload.length);
  data.writeUInt32LE(payload.length, 0);
  data.writeUInt8(VERSION, 4);
  data.writeUInt8(frame.type, 5);
  data.writeUInt8(frame.stream ?? 0, 6);
  data.writeUInt8(0, 7);
  data.writeUInt32LE(frame.proc ?? 0, 8);
  data.writeUInt32LE(frame.request ?? 0, 12);
  data.writeBigUInt64LE(frame.position ?? 0n, 16);
  payload.copy(data, HEADER);
  return data;
}

/** Cuts a byte stream into frames, however it was split. */
export class FrameDecoder {
  #pending: Buffer[] = [];
  #length = 0;

  *push(chunk: Buffer): Generator<Frame> {
    this.#pending.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= HEADER) {
      const data = this.#joined();
      const size = data.readUInt32LE(0);
      if (data.readUInt8(4) !== VERSION)
        throw new AbodeError('internal', `agent protocol: version ${String(data.readUInt8(4))}, expected ${String(VERSION)}`);
      if (size > MAX_PAYLOAD) throw new AbodeError('internal', `agent protocol: a frame of ${String(size)} bytes`);
      if (this.#length < HEADER + size) return;
      this.#pending = [data.subarray(HEADER + size)];
      this.#length -= HEADER + size;
      yield {
        type: data.readUInt8(5),
        stream: data.readUInt8(6),
        proc: data.readUInt32LE(8),
        request: data.readUInt32LE(12),
        position: data.readBigUInt64LE(16),
        payload: data.subarray(HEADER, HEADER + size),
      };
    }
  }

  #joined(): Buffer {
    if (this.#pending.length > 1) this.#pending = [Buffer.concat(this.#pending)];
    return this.#pending[0] ?? Buffer.alloc(0);
  }
}
