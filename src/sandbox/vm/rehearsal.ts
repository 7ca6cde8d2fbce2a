/** What a start is about to do, done ahead by the guest's second processor while the first is at other things (docs/decisions/0015). */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Fields, FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import type { ContainerSpec } from '../sandbox.ts';
import type { Machine } from './machine.ts';
import type { MachineType } from './qemu.ts';

/** Where users are looked up. */
const ACCOUNTS = ['/etc/passwd', '/etc/group'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Only translated code takes long the first time, and only a processor with nothing else to do, here and within the limit, helps. */
export function isWorthwhile({ accelerator, shape }: MachineType, limits: { readonly microCpus: number }): boolean {
  const limited = limits.microCpus > 0 && limits.microCpus < 2_000_000;
  return (
    accelerator === 'tcg' && shape.cpus > 1 && !limited && hasIdleProcessor(readFileSync('/proc/loadavg', 'utf8'), availableParallelism())
  );
}

/** Of those that run or could, one is this process and one the machine that starts (proc_loadavg(5), the fourth figure). */
export function hasIdleProcessor(loadavg: string, processors: number): boolean {
  const running = Number(/(\d+)\/\d+/.exec(loadavg)?.[1] ?? Infinity);
  return running <= processors;
}

export function rehearse(machine: Machine, spec: ContainerSpec): Promise<Fields> {
  return machine.request(FrameType.REHEARSE, new FieldsBuilder().addAll(Tag.PATH, filesToLookAt(spec)));
}

/** In the order in which the start looks at them. */
export function filesToLookAt({ files, init }: Pick<ContainerSpec, 'files' | 'init'>): string[] {
  return [...files.map(({ destination }) => destination), ...ACCOUNTS, ...placesOf(init.args[0] ?? '', init.env)];
}

/** Where execvp(3) looks for a program. */
function placesOf(program: string, env: readonly string[]): string[] {
  if (program.includes('/')) return [program];
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH;
  return path.split(':').map((directory) => `${directory}/${program}`);
}
