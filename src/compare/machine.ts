/** What a reader must know of the machine to judge the numbers. */
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { readFileIfThere } from '../base/files.ts';

export interface MachineFacts {
  readonly cpu: string;
  readonly cpus: number;
  readonly memory: number; // bytes
  readonly kernel: string;
  readonly system: string;
  /** Of the last minute, before the first measurement. */
  readonly load: number;
}

export async function readMachine(): Promise<MachineFacts> {
  const system = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec((await readFileIfThere('/etc/os-release')) ?? '')?.[1];
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus: availableParallelism(),
    memory: totalmem(),
    kernel: release(),
    system: system ?? 'Linux',
    load: loadavg()[0] ?? 0,
  };
}
