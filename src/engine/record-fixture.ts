/** A container's record for tests, as plain as can be. */
import type { ContainerConfig, ContainerRecord, ContainerState, HostConfig } from './record.ts';

type More = Partial<Omit<ContainerRecord, 'config' | 'host'>> & { readonly config?: Partial<ContainerConfig>; readonly host?: HostConfig };

export function containerRecord({ config, host, ...more }: More = {}): ContainerRecord {
  return {
    id: 'a'.repeat(64),
    name: 'plain',
    createdAt: '2026-01-02T03:04:05.000Z',
    imageId: `sha256:${'b'.repeat(64)}`,
    imageReference: 'base',
    isolation: { kind: 'container', runtime: 'crun' },
    config: { Image: 'base', ...config },
    host: host ?? {},
    command: ['true'],
    state: { status: 'created' },
    restartCount: 0,
    proc: 0,
    stopRequested: false,
    removing: false,
    ...more,
  };
}

export function running(more: Partial<Extract<ContainerState, { status: 'running' }>> = {}): ContainerState {
  return { status: 'running', pid: 1, startedAt: '2026-01-02T03:04:06.000Z', paused: false, ...more };
}

export function exited(exitCode = 0): ContainerState {
  return {
    status: 'exited',
    startedAt: '2026-01-02T03:04:06.000Z',
    finishedAt: '2026-01-02T03:04:07.000Z',
    exitCode,
    oomKilled: false,
    error: '',
  };
}

/** Ended, and to be started again by its policy. */
export function due(exitCode = 0): ContainerState {
  const state = exited(exitCode);
  return state.status === 'exited' ? { ...state, restarting: true } : state;
}
