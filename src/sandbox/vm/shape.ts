import { totalmem } from 'node:os';

/**
 * A few machine shapes, not one for each `-m` and `--cpus`: each needs a template of its own, and memory that a guest never touches costs
 * nothing. The guest's cgroup holds the exact limits.
 */
export interface Shape {
  readonly memory: number; // bytes
  readonly cpus: number;
}

const MIB = 1 << 20;
const MEMORY = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536].map((mebibytes) => mebibytes * MIB);
const CPUS = [1, 2, 4, 8, 16, 32];

/** What the guest's kernel and agent take of the machine's memory. */
const GUEST_OVERHEAD: number = 96 * MIB;
/** Of an emulated guest's translated code, the most that is kept. */
export const TRANSLATED_BYTES: number = 256 * MIB;
/** What QEMU itself needs on the host beside the guest's memory: translated code, device state, stacks. */
export const QEMU_OVERHEAD: number = TRANSLATED_BYTES + 256 * MIB;

/**
 * What a machine may make the host lose, at most. A page that the template does not have counts twice when a clone touches it first: in
 * the clone, and in the template's file, until that is trimmed (docs/decisions/0016).
 */
export function memoryCeiling(shape: Shape): number {
  return 2 * shape.memory + QEMU_OVERHEAD;
}

/**
 * The smallest shape in which a container gets these limits; 0 stands for none, which is the smallest machine but with a gigabyte.
 */
export function chooseShape(memory: number, microCpus: number, hostMemory: number = totalmem()): Shape {
  const wanted = memory > 0 ? memory + GUEST_OVERHEAD : 1024 * MIB;
  const cpus = Math.max(1, Math.ceil(microCpus / 1_000_000));
  return { memory: chooseMemory(wanted, hostMemory), cpus: CPUS.find((count) => count >= cpus) ?? cpus };
}

/** The next size in the table, or whole gigabytes beyond it; the kernel gives no machine more than the host has. */
function chooseMemory(wanted: number, most: number): number {
  const size = MEMORY.find((each) => each >= wanted) ?? roundUp(wanted, 1024 * MIB);
  return Math.min(size, Math.max(roundDown(most, 256 * MIB), 256 * MIB));
}

function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

function roundDown(bytes: number, unit: number): number {
  return Math.floor(bytes / unit) * unit;
}
