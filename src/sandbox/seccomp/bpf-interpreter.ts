/** Runs a classic BPF program as the kernel does for seccomp(2), to see in tests what a filter decides. */
import assert from 'node:assert/strict';

/** struct seccomp_data. */
export interface CallData {
  readonly number: number;
  readonly architecture: number;
  readonly args: readonly bigint[];
}

const SIZE = 64;

/** The program's verdict; an error when it is none that the kernel would load. */
export function interpret(program: Buffer, call: CallData): number {
  const data = Buffer.alloc(SIZE);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.architecture >>> 0, 4);
  call.args.forEach((arg, index) => data.writeBigUInt64LE(arg, 16 + 8 * index));
  const length = program.length / 8;
  assert.ok(Number.isInteger(length) && length > 0 && length <= 4096, 'a length that the kernel takes');
  let accumulator = 0;
  for (let at = 0; at < length; at += 1) {
    const k = program.readUInt32LE(at * 8 + 4);
    const condition = (holds: boolean): void => {
      at += program.readUInt8(at * 8 + (holds ? 2 : 3));
    };
    const code = program.readUInt16LE(at * 8);
    switch (code) {
      case 0x20:
        assert.ok(k % 4 === 0 && k < SIZE, 'a load within the data');
        accumulator = data.readUInt32LE(k);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x15:
        condition(accumulator === k);
        break;
      case 0x25:
        condition(accumulator > k);
        break;
      case 0x35:
        condition(accumulator >= k);
        break;
      case 0x05:
        at += k;
        break;
      case 0x06:
        return k;
      default:
        assert.fail(`instruction 0x${code.toString(16)}`);
    }
  }
  return assert.fail('the program has no end');
}
