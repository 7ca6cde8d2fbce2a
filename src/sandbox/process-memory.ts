/** What a process costs the host: its own pages, and its share of those that others map too. */
import { readFileIfThere } from '../base/files.ts';

/** Bytes that would come free if the process ended (proc(5), smaps_rollup: Private_Clean and Private_Dirty); 0 when it is gone. */
export async function privateMemory(pid: number): Promise<number> {
  const rollup = await readFileIfThere(`/proc/${String(pid)}/smaps_rollup`).catch(() => undefined);
  if (rollup === undefined) return 0;
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(rollup)?.[1] ?? 0);
  return (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) * 1024;
}
