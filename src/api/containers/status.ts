/** A container's state in the words of `docker ps` and `docker inspect`. */
import type { ContainerRecord } from '../../engine/record.ts';
import { describeDuration } from '../duration.ts';

/** Go's zero time: it never happened. */
export const NEVER = '0001-01-01T00:00:00Z';

export function statusOf({ state, removing }: ContainerRecord): string {
  if (removing) return 'removing';
  if (state.status === 'exited' && state.restarting === true) return 'restarting';
  return state.status === 'running' && state.paused ? 'paused' : state.status;
}

export function describeStatus(record: ContainerRecord, now: number): string {
  const { state, removing } = record;
  if (removing) return 'Removal In Progress';
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${since(state.startedAt, now)}${state.paused ? ' (Paused)' : healthOf(record)}`;
    case 'exited':
      return `${state.restarting === true ? 'Restarting' : 'Exited'} (${String(state.exitCode)}) ${since(state.finishedAt, now)} ago`;
  }
}

function healthOf({ health }: ContainerRecord): string {
  if (health === undefined) return '';
  return ` (${health.status === 'starting' ? 'health: starting' : health.status})`;
}

function since(time: string, now: number): string {
  return describeDuration(Math.max(0, now - Date.parse(time)));
}

export function describeState(record: ContainerRecord): object {
  const { state } = record;
  const running = state.status === 'running' ? state : undefined;
  const exited = state.status === 'exited' ? state : undefined;
  const created = state.status === 'created' ? state : undefined;
  return {
    Status: statusOf(record),
    // As Docker has it: what restarts counts as running.
    Running: running !== undefined || exited?.restarting === true,
    Paused: running?.paused ?? false,
    Restarting: exited?.restarting === true,
    OOMKilled: exited?.oomKilled ?? false,
    Dead: false,
    Pid: running?.pid ?? 0,
    ExitCode: exited?.exitCode ?? created?.exitCode ?? 0,
    Error: exited?.error ?? created?.error ?? '',
    StartedAt: running?.startedAt ?? exited?.startedAt ?? NEVER,
    FinishedAt: exited?.finishedAt ?? NEVER,
    ...(record.health === undefined ? {} : { Health: describeHealth(record.health) }),
  };
}

function describeHealth({ status, failingStreak, log }: NonNullable<ContainerRecord['health']>): object {
  const results = log.map(({ start, end, exitCode, output }) => ({ Start: start, End: end, ExitCode: exitCode, Output: output }));
  return { Status: status, FailingStreak: failingStreak, Log: results };
}
