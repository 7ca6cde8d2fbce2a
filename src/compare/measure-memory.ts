/** A run of the user's command whose memory is read as soon as it printed, or after a moment. */
import { EngineError } from '../docker-client/errors.ts';
import { ContainerRun } from './container-run.ts';
import type { Column, Reading } from './column.ts';
import type { MeasureRequest } from './measure-start.ts';

const SETTLE_MS = 500;

export async function measureMemory(column: Column, { workload, labels, signal }: MeasureRequest): Promise<Reading> {
  await using run = await ContainerRun.start(column, {
    command: workload.command,
    stdin: false,
    labels,
    signal,
  });
  const settled = AbortSignal.any([signal, AbortSignal.timeout(SETTLE_MS)]);
  while (run.firstByte === undefined && !settled.aborted) await tick();
  signal.throwIfAborted();
  try {
    return await column.readMemory(run.id, signal);
  } catch (error) {
    if (!(error instanceof EngineError && (error.status === 409 || error.status === 404))) throw error;
    return {
      sample: {},
      absences: { memory: 'the command ended before its memory could be read' },
    };
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
