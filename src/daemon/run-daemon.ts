/** The composition root: the one place that makes the daemon's parts and ends them in order. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createApi } from '../api/app.ts';
import { close, listen } from '../api/server.ts';
import { AbodeError, hasErrno, messageOf } from '../base/errors.ts';
import { readFileIfThere, writeFileAtomic } from '../base/files.ts';
import { createLog } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import { Engine } from '../engine/engine.ts';
import { ImageStore } from '../images/store.ts';
import { connectSpawner } from '../sandbox/shim-spawner.ts';
import { Database } from '../state/database.ts';
import { closeMetrics, serveMetrics } from './metrics-server.ts';
import { components, VERSION } from './versions.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const AGENT = join(PROJECT, 'build', 'agent', 'abode-agent');
const GUEST = join(PROJECT, 'build', 'guest');

/** Requests under way get this long to end. */
const CLOSE_MS = 5000;

/** Runs the daemon until SIGTERM or SIGINT. Workloads outlive it. */
export async function runDaemon(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  await mkdir(config.root, { recursive: true, mode: 0o711 });
  await mkdir(config.runDir, { recursive: true, mode: 0o711 });
  const pidFile = join(config.runDir, 'daemon.pid');
  await refuseSecond(pidFile);
  await writeFileAtomic(pidFile, `${String(process.pid)}\n`, 0o644);
  const stop = stopSignal();
  connectSpawner(AGENT);
  const database = Database.open(join(config.root, 'abode.db'));
  const images = new ImageStore({ root: join(config.root, 'images'), database, agentPath: AGENT, log });
  const engine = await Engine.open({ config, database, images, log, agentPath: AGENT, guestDirectory: GUEST });
  await images.ensureBase();
  const api = createApi({ engine, images, config, log, version: VERSION, components: await components() });
  await listen(api, config.socket);
  const metrics = config.metrics === undefined ? undefined : await serveMetrics(api, config.metrics);
  log.info({ socket: config.socket, root: config.root }, 'ready');
  await stop;
  log.info('stopping; containers and VMs go on');
  closeMetrics(metrics);
  await close(api, CLOSE_MS);
  await engine.close();
  database.close();
  await rm(pidFile, { force: true });
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        resolve();
      });
    }
  });
}

/** Two daemons on one directory would tear each other's containers down. */
async function refuseSecond(pidFile: string): Promise<void> {
  const pid = Number(await readFileIfThere(pidFile));
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (hasErrno(error, 'ESRCH')) return;
    throw new AbodeError('internal', `cannot tell whether process ${String(pid)} lives: ${messageOf(error)}`);
  }
  const command = await readFileIfThere(`/proc/${String(pid)}/cmdline`).catch(() => undefined);
  if (command?.includes('daemon') === true) {
    throw new AbodeError('conflict', `a daemon (process ${String(pid)}) already uses ${pidFile}`, {
      hint: 'stop it with ./abode down, or give this one its own --root and --run-dir',
    });
  }
}
