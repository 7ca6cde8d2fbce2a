/**
 * Start-up: what the database says against what is there. The decision is pure; a deadline for each container keeps one that hangs from
 * holding up the rest.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../base/deadline.ts';
import { hasErrno, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ContainerSpec, ProcessExit } from '../sandbox/sandbox.ts';
import { readExitRecord } from '../sandbox/exit-record.ts';
import type { Sandboxes } from '../sandbox/sandboxes.ts';
import { endShim } from '../sandbox/shim.ts';
import { runName, type ContainerPaths } from './container-paths.ts';
import type { ContainerTable } from './container-table.ts';
import type { ContainerRecord } from './record.ts';
import { isRestarting, restartsWithDaemon } from './restart-policy.ts';
import type { RunControl } from './run-control.ts';

export interface ReconcileParts {
  readonly containers: ContainerTable;
  readonly sandboxes: Sandboxes;
  readonly runs: RunControl;
  readonly log: Log;
  readonly runDir: string;
  readonly rootDir: string;
  readonly paths: (id: string) => ContainerPaths;
  readonly spec: (record: ContainerRecord) => ContainerSpec;
}

export type Step = 'adopt' | 'complete-removal' | 'restart' | 'nothing';

/** What becomes of a container that is found at start-up. */
export function decide(record: ContainerRecord): Step {
  if (record.removing || record.incomplete === true) return 'complete-removal';
  if (record.state.status === 'running') return 'adopt';
  if (record.state.status === 'exited' && record.host.AutoRemove === true) return 'complete-removal';
  if (record.state.status === 'exited' && (isRestarting(record) || restartsWithDaemon(record))) return 'restart';
  return 'nothing';
}

const CONTAINER_MS = 30_000;

export async function reconcile(parts: ReconcileParts): Promise<void> {
  await sweepStrangers(parts);
  await Promise.all(
    parts.containers.all().map(async (record) => {
      try {
        await withDeadline(carryOut(decide(record), record, parts), CONTAINER_MS, `taking over container ${record.name}`);
      } catch (error) {
        parts.log.error({ container: record.id, error: messageOf(error) }, 'taking over a container');
      }
    }),
  );
}

async function carryOut(step: Step, record: ContainerRecord, parts: ReconcileParts): Promise<void> {
  switch (step) {
    case 'adopt':
      await adopt(record, parts);
      return;
    case 'complete-removal':
      if (record.state.status === 'running') await adopt(record, parts);
      await parts.runs.remove(record.id, { force: true, volumes: takesVolumes(record) });
      return;
    case 'restart':
      // In the background: a container that takes long to start must not hold up the daemon.
      parts.runs.startAnew(record.id).catch((error: unknown) => {
        parts.log.warn({ container: record.id, error: messageOf(error) }, 'restart with the daemon');
      });
      return;
    case 'nothing':
      return;
  }
}

/** As the removal was begun, or as `--rm` has it; what was not made to its end takes back all that it made. */
function takesVolumes({ removing, removeVolumes, host, incomplete }: ContainerRecord): boolean {
  return removing ? removeVolumes === true : incomplete === true || host.AutoRemove === true;
}

async function adopt(record: ContainerRecord, parts: ReconcileParts): Promise<void> {
  const sandbox = await parts.sandboxes.adopt(record.isolation, parts.spec(record));
  if (sandbox !== undefined) {
    parts.runs.adopt(record, sandbox);
    return;
  }
  const { runDir } = parts.paths(record.id);
  const unknown: ProcessExit = {
    exitCode: 137,
    oomKilled: false,
    time: new Date().toISOString(),
    reason: 'the container was gone when the daemon came back',
  };
  const exit = (await readExitRecord(join(runDir, 'exit.json'))) ?? unknown;
  await parts.runs.lost(record, exit);
}

/** Directories of containers that no record runs in: a start that was cut short, a removal half done. */
async function sweepStrangers({ containers, runDir, rootDir, sandboxes, log }: ReconcileParts): Promise<void> {
  const running = new Set(
    containers
      .all()
      .filter((record) => record.state.status === 'running')
      .map((record) => runName(record.id)),
  );
  const byRunName = new Map(containers.all().map((record) => [runName(record.id), record]));
  for (const name of await entries(join(runDir, 'c'))) {
    if (running.has(name)) continue;
    const directory = join(runDir, 'c', name);
    log.warn({ directory }, 'removing what a start that was cut short left behind');
    await endShim(directory);
    const record = byRunName.get(name);
    if (record === undefined) await rm(directory, { recursive: true, force: true });
    else await sandboxes.sweep(record.isolation, { id: record.id, runDir: directory });
  }
  const known = new Set(containers.all().map((record) => record.id));
  for (const name of await entries(join(rootDir, 'containers'))) {
    if (!known.has(name) && /^[0-9a-f]{64}$/.test(name)) await rm(join(rootDir, 'containers', name), { recursive: true, force: true });
  }
}

async function entries(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
