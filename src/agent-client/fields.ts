/** The payload of every frame but DATA: a list of tagged fields (docs/agent-protocol.md, "Fields"). */
import { AbodeError } from '../base/errors.ts';

export const Tag = {
  CODE: 1,
  MESSAGE: 2,
  ERRNO: 3,
  SESSION: 4,
  HOST: 5,
  SOURCE: 10,
  TARGET: 11,
  FSTYPE: 12,
  FLAGS: 13,
  DATA: 14,
  PATH: 15,
  MODE: 16,
  CONTENT: 17,
  UID: 18,
  GID: 19,
  ROOT: 20,
  USER: 21,
  GROUP_ADD: 22,
  GROUP: 23,
  HOME: 24,
  ENTROPY: 25,
  MACHINE_ID: 26,
  HOSTNAME: 27,
  NETNS: 30,
  HOST_IF: 31,
  IFNAME: 32,
  MAC: 33,
  ADDRESS: 34,
  GATEWAY: 35,
  BRIDGE: 36,
  MTU: 37,
  ARG: 40,
  ENV: 41,
  CWD: 42,
  PID_FILE: 43,
  STDIO: 44,
  ROWS: 45,
  COLS: 46,
  LOG_PATH: 47,
  LOG_MAX_SIZE: 48,
  LOG_MAX_FILES: 49,
  EXIT_PATH: 50,
  CGROUP: 51,
  CONSOLE_SOCKET: 52,
  CLEANUP_ARG: 53,
  PID: 54,
  SIGNAL: 55,
  ALL: 56,
  STREAMS: 57,
  EXIT_CODE: 58,
  OOM: 59,
  TIME: 60,
  REASON: 61,
  STATE_ENTRY: 62,
  SANDBOX_STATE: 63,
  CAP_BOUNDING: 64,
  CAP_EFFECTIVE: 65,
  CAP_PERMITTED: 66,
  CAP_INHERITABLE: 67,
  CAP_AMBIENT: 68,
  NO_NEW_PRIVS: 69,
  SECCOMP: 70,
  RLIMIT: 71,
  MASKED: 72,
  READONLY: 73,
  BIND: 74,
  LIMIT_MEMORY: 75,
  LIMIT_CPU: 76,
  LIMIT_PIDS: 77,
  CONTAINER: 78,
  JOIN: 79,
  LINE: 80,
  FD_OPEN: 81,
  GRACE: 82,
  SERIAL_FD: 83,
  QMP_FD: 84,
  TAP_FD: 85,
  QMP_LINE: 86,
  BOOT_NS: 87,
  CONSOLE_PATH: 88,
  LANDLOCK_READ: 89,
  SYSCTL: 90,
  TMPFS: 91,
  DEVICE: 92,
  PRIVILEGED: 93,
  READONLY_ROOT: 94,
  SHM_SIZE: 95,
  DOMAINNAME: 96,
  OOM_SCORE_ADJ: 97,
  INIT: 98,
  FILE: 99,
  EPHEMERAL: 100,
  LOG_ATTRIBUTES: 130,
  PORT: 110,
  FILES_FD: 120,
} as const;

export type Tag = (typeof Tag)[keyof typeof Tag];

export type FieldValue = string | number | bigint | boolean | Uint8Array;

const HEADER = 8;

/** Builds a payload. Strings become UTF-8, numbers and booleans 8 bytes little-endian. */
export class FieldsBuilder {
  readonly #chunks: Uint8Array[] = [];

  add(tag: Tag, value: FieldValue | undefined): this {
    if (value === undefined) return this;
    const data = encodeValue(value);
    const header = Buffer.alloc(HEADER);
    header.writeUInt16LE(tag, 0);
    header.writeUInt32LE(data.length, 4);
    this.#chunks.push(header, data);
    return this;
  }

  addAll(tag: Tag, values: Iterable<FieldValue> | undefined): this {
    for (const value of values ?? []) this.add(tag, value);
    return this;
  }

  build(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

function encodeValue(value: FieldValue): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (value instanceof Uint8Array) return value;
  const data = Buffer.alloc(8);
  data.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
  return data;
}

/** Reads a payload; a malformed one throws. */
export class Fields {
  readonly #entries: ReadonlyArray<readonly [number, Buffer]>;

  private constructor(entries: ReadonlyArray<readonly [number, Buffer]>) {
    this.#entries = entries;
  }

  static parse(payload: Buffer): Fields {
    const entries: Array<readonly [number, Buffer]> = [];
    for (let at = 0; at < payload.length;) {
      if (payload.length - at < HEADER) throw new AbodeError('internal', 'agent protocol: a field is cut short');
      const length = payload.readUInt32LE(at + 4);
      const end = at + HEADER + length;
      if (end > payload.length) throw new AbodeError('internal', 'agent protocol: a field is longer than its frame');
      entries.push([payload.readUInt16LE(at), payload.subarray(at + HEADER, end)]);
      at = end;
    }
    return new Fields(entries);
  }

  bytes(tag: Tag): Buffer | undefined {
    return this.#entries.find(([candidate]) => candidate === tag)?.[1];
  }

  all(tag: Tag): Buffer[] {
    return this.#entries.filter(([candidate]) => candidate === tag).map(([, data]) => data);
  }

  string(tag: Tag): string | undefined {
    return this.bytes(tag)?.toString('utf8');
  }

  bigint(tag: Tag): bigint | undefined {
    const data = this.bytes(tag);
    return data?.length === 8 ? data.readBigUInt64LE() : undefined;
  }

  number(tag: Tag): number | undefined {
    const value = this.bigint(tag);
    return value === undefined ? undefined : Number(value);
  }

  numbers(tag: Tag): number[] {
    return this.all(tag)
      .filter((data) => data.length === 8)
      .map((data) => Number(data.readBigUInt64LE()));
  }
}

/** FILE: what the container finds at `destination`. */
export function fileField(destination: string, content: Uint8Array): Buffer {
  const path = Buffer.from(destination, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(path.length);
  return Buffer.concat([length, path, content]);
}

/** FD_OPEN: a file that the shim opens and hands on at descriptor `fd`. */
export function fdOpen(fd: number, flags: number, path: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(fd, 0);
  head.writeUInt32LE(flags, 4);
  return Buffer.concat([head, Buffer.from(path)]);
}

export function rlimitField(resource: number, soft: bigint, hard: bigint): Buffer {
  const data = Buffer.alloc(24);
  data.writeUInt32LE(resource, 0);
  data.writeBigUInt64LE(soft, 8);
  data.writeBigUInt64LE(hard, 16);
  return data;
}

export function bindField(source: string, destination: string, readonly: boolean): Buffer {
  const path = Buffer.from(source);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(readonly ? 1 : 0, 0);
  head.writeUInt32LE(path.length, 4);
  return Buffer.concat([head, path, Buffer.from(destination)]);
}
