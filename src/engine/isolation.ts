/** What `--runtime` means. */
import { invalid } from '../base/errors.ts';
import type { Isolation } from './record.ts';

export const DEFAULT_RUNTIME = 'crun';
const OCI_RUNTIMES = ['crun', 'runc', 'runsc'];
/** How Docker's own default is called by clients that name it. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['', DEFAULT_RUNTIME],
  ['container', DEFAULT_RUNTIME],
  ['io.containerd.runc.v2', 'runc'],
]);

export const RUNTIME_NAMES: readonly string[] = [...OCI_RUNTIMES, 'vm', 'vm-cold'];

export function parseIsolation(runtime: string | undefined): Isolation {
  const name = ALIASES.get(runtime ?? '') ?? runtime ?? '';
  if (name === 'vm') return { kind: 'vm', boot: 'template' };
  if (name === 'vm-cold') return { kind: 'vm', boot: 'cold' };
  if (name.startsWith('vm:')) return { kind: 'hybrid', vm: checkVmName(name.slice('vm:'.length)) };
  if (OCI_RUNTIMES.includes(name)) return { kind: 'container', runtime: name };
  throw invalid(`unknown or invalid runtime name: ${name}`);
}

export function checkVmName(name: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(name))
    throw invalid(`invalid VM name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  return name;
}

/** The smallest machine whose guest comes up and has room for a container. */
const LEAST_MEMORY = 96 << 20;

/** What of a shared VM's size this host cannot give, in the words that `docker run` has for the same. */
export function checkVmSize({ cpus, memory }: { cpus?: number; memory?: number }, host: { cpus: number; memory: number }): void {
  if (cpus !== undefined && (!Number.isInteger(cpus) || cpus < 1 || cpus > host.cpus))
    throw invalid(`range of CPUs of a VM is from 1 to ${String(host.cpus)}, as there are only ${String(host.cpus)} CPUs available`);
  if (memory === undefined) return;
  if (!Number.isSafeInteger(memory) || memory < LEAST_MEMORY) throw invalid(`minimum memory of a VM is ${String(LEAST_MEMORY >> 20)}MB`);
  if (memory > host.memory) throw invalid(`memory of a VM is at most the host's, ${String(Math.floor(host.memory / (1 << 20)))}MB`);
}
