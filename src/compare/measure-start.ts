/** A run that only prints, or the user's command: latency, total time, and the command's own time. */
import { ContainerRun } from './container-run.ts';
import type { Column, Reading } from './column.ts';
import type { Absences, Sample, Workload } from './measures.ts';

export interface MeasureRequest {
  readonly workload: Workload;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export async function measureStart(column: Column, { workload, labels, signal }: MeasureRequest): Promise<Reading> {
  const command = workload.command ?? ['echo', 'ready'];
  await using run = await ContainerRun.start(column, { command, stdin: false, labels, signal });
  const ended = await run.end();
  const removed = await run.remove();
  const sample: Sample = { total: removed - run.requested };
  const absences: Absences = {};
  if (run.firstByte === undefined) absences.start = 'the command prints nothing';
  else sample.start = run.firstByte - run.requested;
  // A command that is over before its start is answered took no time that could be seen from here.
  if (workload.command !== undefined) sample.work = Math.max(0, ended - run.started);
  return { sample, absences };
}
