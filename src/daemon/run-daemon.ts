/** The composition root: the one place that makes the daemon's parts and ends them in order. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createApi } from '../api/app.ts';
import { claimSocket, close, listen } from '../api/server.ts';
import { AbodeError } from '../base/errors.ts';
import { makeDirectories, writeFileAtomic } from '../base/files.ts';
import { createLog } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import { Engine } from '../engine/engine.ts';
import { ImageStore } from '../images/store.ts';
import { connectSpawner } from '../sandbox/shim-spawner.ts';
import { Database } from '../state/database.ts';
import { lockDirectory } from './directory-lock.ts';
import { closeMetrics, serveMetrics } from './metrics-server.ts';
import { components, VERSION } from './versions.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const AGENT = join(PROJECT, 'build', 'agent', 'abode-agent');
const GUEST = join(PROJECT, 'build', 'guest');

/** Requests under way get this long to end. */
const CLOSE_MS = 5000;

/** Runs the daemon until SIGTERM or SIGINT. Workloads outlive it. A start that fails leaves nothing. */
export async function runDaemon(config: Config): Promise<void> {
  const log = createLog(config.logLevel);
  checkPathLengths(config);
  await using parts = new AsyncDisposableStack();
  for (const directory of [config.root, config.runDir]) {
    await makeDirectories(directory, 0o711);
    parts.use(await lockDirectory(directory));
  }
  await claimSocket(config.socket);
  const pidFile = join(config.runDir, 'daemon.pid');
  parts.defer(() => rm(pidFile, { force: true }));
  await writeFileAtomic(pidFile, `${String(process.pid)}\n`, 0o644);
  const stop = stopSignal();
  connectSpawner(AGENT);
  const database = parts.adopt(Database.open(join(config.root, 'abode.db')), (open) => {
    open.close();
  });
  const images = new ImageStore({ root: join(config.root, 'images'), database, agentPath: AGENT, log });
  const engine = parts.adopt(await Engine.open({ config, database, images, log, agentPath: AGENT, guestDirectory: GUEST }), (open) =>
    open.close(),
  );
  await images.ensureBase();
  const api = createApi({ engine, images, config, log, version: VERSION, components: await components() });
  parts.defer(() => close(api, CLOSE_MS));
  await listen(api, config.socket);
  if (config.metrics !== undefined) parts.adopt(await serveMetrics(api, config.metrics), closeMetrics);
  log.info({ socket: config.socket, root: config.root }, 'ready');
  await stop;
  log.info('stopping; containers and VMs go on');
}

/** Of a unix socket (unix(7)), in bytes. */
const SOCKET_PATH_MAX = 107;
/** The longest that a shim's socket has below the run directory. */
const SHIM_SOCKET = '/c/0123456789abcdef01234567/shim.sock';

function checkPathLengths({ socket, runDir }: Config): void {
  for (const [what, path, option] of [
    ['the socket', socket, '--socket'],
    ['the socket of a container', `${runDir}${SHIM_SOCKET}`, '--run-dir'],
  ] as const) {
    const length = Buffer.byteLength(path);
    if (length <= SOCKET_PATH_MAX) continue;
    throw new AbodeError(
      'invalid',
      `the path of ${what} is ${String(length)} bytes long, ${String(SOCKET_PATH_MAX)} are possible: ${path}`,
      {
        hint: `choose a shorter ${option}`,
      },
    );
  }
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
