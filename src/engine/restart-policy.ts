/** Whether and when a container that ended is started again, as Docker's `--restart` has it. */
import { conflict } from '../base/errors.ts';
import type { ContainerRecord } from './record.ts';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 60_000;
/** A run this long proves the container healthy: the delay begins anew. */
const HEALTHY_MS = 10_000;

export interface RestartDecision {
  readonly restart: boolean;
  readonly delayMs: number;
}

/** `lastDelayMs` is what the restart before this one waited, 0 for the first. */
export function decideRestart(record: ContainerRecord, exitCode: number, ranMs: number, lastDelayMs: number): RestartDecision {
  const { Name: name = 'no', MaximumRetryCount: maximum = 0 } = record.host.RestartPolicy ?? {};
  const delayMs = ranMs >= HEALTHY_MS || lastDelayMs === 0 ? FIRST_DELAY_MS : Math.min(lastDelayMs * 2, MAX_DELAY_MS);
  const stopped = record.stopRequested;
  switch (name) {
    case 'always':
    case 'unless-stopped':
      return { restart: !stopped, delayMs };
    case 'on-failure':
      return { restart: !stopped && exitCode !== 0 && (maximum === 0 || record.restartCount < maximum), delayMs };
    default:
      return { restart: false, delayMs };
  }
}

/** After a reboot or the daemon's death, with the container found ended: also a restart that was due then. */
export function restartsWithDaemon(record: ContainerRecord): boolean {
  const { state, stopRequested } = record;
  switch (record.host.RestartPolicy?.Name) {
    case 'always':
      return true;
    case 'unless-stopped':
      return !stopRequested;
    case 'on-failure':
      return state.status === 'exited' && decideRestart(record, state.exitCode, 0, 0).restart;
    default:
      return false;
  }
}

/** Between an exit and the restart that its policy has decided on. */
export function isRestarting({ state }: ContainerRecord): boolean {
  return state.status === 'exited' && state.restarting === true;
}

/** Docker's refusal of what needs a process. */
export function refuseRestarting(record: ContainerRecord): void {
  if (isRestarting(record)) throw conflict(`Container ${record.id} is restarting, wait until the container is running`);
}
