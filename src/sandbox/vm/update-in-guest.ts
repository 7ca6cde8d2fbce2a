/** New limits for a container in a VM, within what the machine has: that is fixed while it runs. */
import { invalid } from '../../base/errors.ts';
import type { Kernel } from '../kernel.ts';
import { applyLimits, type LimitChanges } from '../limit-changes.ts';

const MEMORY = '/proc/meminfo';
const CPUS = '/sys/devices/system/cpu/online';

/** `machine` is what it is called in a refusal. */
export async function updateInGuest(kernel: Kernel, changes: LimitChanges, machine: string): Promise<void> {
  const { memory = 0, microCpus = 0 } = changes;
  if (memory > 0 || microCpus > 0) {
    const facts = await kernel.read([MEMORY, CPUS]);
    const has = Number(/^MemTotal:\s*(\d+) kB$/m.exec(facts.get(MEMORY) ?? '')?.[1] ?? 0) * 1024;
    const cpus = countCpus(facts.get(CPUS) ?? '');
    if (memory > has)
      throw invalid(
        `${machine} has ${String(Math.floor(has / 2 ** 20))} MiB of memory while it runs: ask for no more, or stop the container before`,
      );
    if (microCpus > cpus * 1_000_000)
      throw invalid(
        `${machine} has ${String(cpus)} CPU${cpus === 1 ? '' : 's'} while it runs: ask for no more, or stop the container before`,
      );
  }
  await applyLimits(kernel, changes);
}

/** `0-3,5` */
function countCpus(list: string): number {
  return list
    .trim()
    .split(',')
    .map((part) => part.split('-').map(Number))
    .reduce((sum, [first = 0, last = first]) => sum + last - first + 1, 0);
}
