/** A run of the built-in work: it waits for its memory to be read, then works when it is told to. */
import { ContainerRun } from './container-run.ts';
import type { Column, Reading } from './column.ts';
import type { MeasureRequest } from './measure-start.ts';

const BLOCK = 64 << 10;

export async function measureWork(column: Column, { workload, labels, signal }: MeasureRequest): Promise<Reading> {
  const command = ['sh', '-c', script(workload.workMiB)];
  await using run = await ContainerRun.start(column, { command, stdin: true, labels, signal });
  await run.line(1);
  const asked = performance.now();
  await run.write('ping\n');
  const answered = await run.line(2);
  const memory = await column.readMemory(run.id, signal);
  const released = performance.now();
  await run.write('go\n');
  const done = await run.line(3);
  await run.end();
  await run.remove();
  return {
    sample: { ...memory.sample, roundTrip: answered - asked, work: done - released },
    absences: memory.absences,
  };
}

/** Only what every shell and every set of core tools has. */
function script(workMiB: number): string {
  const blocks = (workMiB << 20) / BLOCK;
  return `echo ready; read -r line; echo "$line"; read -r line; dd if=/dev/zero bs=${String(BLOCK)} count=${String(blocks)} 2>/dev/null | sha256sum`;
}
